// Copies the browser libraries into the folder that the web application serves. Run by `make assets`.
import { copyFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const vendor = join(here, "..", "assets", "vendor");
const files = ["uPlot.iife.min.js", "uPlot.min.css"];

await mkdir(vendor, { recursive: true });
await Promise.all(files.map((file) => copyFile(join(here, "node_modules", "uplot", "dist", file), join(vendor, file))));
