"""What the HTTP API answers, a module a noun; parameters in, bodies out, no HTTP."""
