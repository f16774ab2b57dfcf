"""Random expressions of the grammar, typed, so that most of them evaluate.

Left out because Prometheus 3.5 and the language of 3.14 differ there: modifiers `anchored` and `smoothed`,
`fill`, duration expressions, `mad_over_time` (of NaN).

Left out because the answer is not determined: `topk` and its kin among equal values, the date functions of
what is no time (NaN, infinities, 1e300), of which Prometheus gives what the processor makes, and
`count_values` of computed values, whose last digits become labels, and variances of times since 1970, which
lose all but a few digits. Left out too is `histogram_fraction` of
classic buckets: Prometheus 3.5 answers NaN unless they come sorted, which depends on its hashes.

Left out is what Prometheus does not mean: of a selector with both `offset` and `@`, its timestamp() forgets
the offset (promql/engine.go, rangeEvalTimestampFunctionOverVectorSelector).
"""

import random
from collections.abc import Callable

_FLOATS = ("c_total", "d_total", "g", "h", "odd", "l_bucket", "nothing")
_NATIVE = ("n", "n_gauge", "n_custom")
_NAMES = ('__name__=~"[cd]_total"', '__name__=~"g|h"', '__name__=~".*_.*"', '__name__!~"odd|n.*"')
_MEASURES = ("histogram_count", "histogram_sum", "histogram_avg", "histogram_stddev", "histogram_stdvar")
_MATCHERS = (
    'job="a"',
    'job!="a"',
    'instance=~"1|2"',
    'group!~"x.*"',
    'group=""',
    'le="0.5"',
    'instance=~".+"',
    'job=~"(?i:A)"',
)
_ROLLUPS = (
    "rate",
    "increase",
    "delta",
    "irate",
    "idelta",
    "deriv",
    "changes",
    "resets",
    "avg_over_time",
    "min_over_time",
    "max_over_time",
    "sum_over_time",
    "count_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "last_over_time",
    "present_over_time",
    "absent_over_time",
    "ts_of_min_over_time",
    "ts_of_max_over_time",
)
_MATH = (
    "abs",
    "ceil",
    "floor",
    "exp",
    "sqrt",
    "ln",
    "log2",
    "log10",
    "sgn",
    "sin",
    "cos",
    "tan",
    "atan",
    "sinh",
    "tanh",
    "asinh",
    "deg",
    "rad",
)
_DATES = ["minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year"]
_AGGREGATIONS = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"]
_ARITHMETIC = ("+", "-", "*", "/", "%", "^", "atan2")
_COMPARISONS = ("==", "!=", "<", ">", "<=", ">=")
_SETS = ("and", "or", "unless")
_LABELS = ("job", "instance", "group", "le", "__name__")
_DURATIONS = ("15s", "45s", "1m", "100s", "5m", "10m", "1h")
_NUMBERS = ("0", "1", "-1", "2.5", "0.5", "1e3", "NaN", "Inf", "-Inf", "100")


class Expressions:
    """Draws expressions from one generator of random numbers."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def expression(self) -> str:
        """A vector, or now and then a scalar."""
        return self._scalar(2) if self._rng.random() < 0.08 else self._vector(self._rng.choice((1, 2, 2, 3)))

    def _vector(self, depth: int) -> str:
        if depth <= 0:
            return self._selector()
        forms: tuple[Callable[[int], str], ...] = (
            self._rollup,
            self._rollup,
            self._rollup,
            self._aggregate,
            self._aggregate,
            self._between,
            self._between,
            self._with_scalar,
            self._function,
            self._function,
            self._quantile,
            self._native,
        )
        return self._rng.choice(forms)(depth - 1)

    def _selector(self) -> str:
        return self._bare() + self._modifiers()

    def _bare(self) -> str:
        chosen = self._rng.sample(_MATCHERS, self._rng.choice((0, 0, 1, 2)))
        braces = "{" + ",".join(chosen) + "}" if chosen else ""
        kind = self._rng.random()
        if kind < 0.15:
            return "{" + ",".join([self._rng.choice(_NAMES), *chosen]) + "}"
        return self._rng.choice(_NATIVE if kind < 0.32 else _FLOATS) + braces

    def _modifiers(self) -> str:
        text = ""
        if self._rng.random() < 0.15:
            text += f" offset {self._rng.choice(('', '-'))}{self._rng.choice(_DURATIONS)}"
        if self._rng.random() < 0.1:
            text += " @ " + self._rng.choice(("start()", "end()", "1700000900", "1700001234.567"))
        return text

    def _matrix(self, depth: int) -> str:
        if depth > 0 and self._rng.random() < 0.4:
            step = self._rng.choice(("", "15s", "20s", "1m"))
            return f"({self._vector(depth - 1)})[{self._rng.choice(_DURATIONS)}:{step}]{self._modifiers()}"
        return f"{self._bare()}[{self._rng.choice(_DURATIONS)}]{self._modifiers()}"

    def _rollup(self, depth: int) -> str:
        matrix = self._matrix(depth)
        kind = self._rng.random()
        if kind < 0.06:
            return f"quantile_over_time({self._scalar(1)}, {matrix})"
        if kind < 0.12:
            return f"predict_linear({matrix}, {self._scalar(0)})"
        if kind < 0.16:
            return f"double_exponential_smoothing({matrix}, 0.5, 0.3)"
        return f"{self._rng.choice(_ROLLUPS)}({matrix})"

    def _aggregate(self, depth: int) -> str:
        labels = ", ".join(self._rng.sample(_LABELS, self._rng.randrange(3)))
        clause = self._rng.choice(("", f" by ({labels}) ", f" without ({labels}) "))
        inner = self._vector(depth)
        kind = self._rng.random()
        if kind < 0.1:
            return f"quantile{clause}({self._scalar(0)}, {inner})"
        if kind < 0.15:
            return f'count_values{clause}("value", c_total)'
        if kind < 0.25:
            op = self._rng.choice(("topk", "bottomk"))
            return f"{op}{clause}({self._rng.randrange(4)}, {self._rng.choice(('g', 'h'))})"
        op = self._rng.choice(_AGGREGATIONS)
        if op in ("stddev", "stdvar") and any(word in inner for word in ("timestamp(", "ts_of_", "time(")):
            op = "max"
        return f"{op}{clause}({inner})"

    def _between(self, depth: int) -> str:
        left, right = self._vector(depth), self._vector(depth)
        labels = ", ".join(self._rng.sample(_LABELS, self._rng.randrange(1, 4)))
        matching = self._rng.choice(("", f"on ({labels})", f"ignoring ({labels})"))
        kind = self._rng.random()
        if kind < 0.3:
            return f"({left}) {self._rng.choice(_SETS)} {matching} ({right})"
        if matching and self._rng.random() < 0.3:
            matching += self._rng.choice((" group_left", " group_right", " group_left (group)"))
        if kind < 0.55:
            modifier = self._rng.choice(("", " bool"))
            return f"({left}) {self._rng.choice(_COMPARISONS)}{modifier} {matching} ({right})"
        return f"({left}) {self._rng.choice(_ARITHMETIC)} {matching} ({right})"

    def _with_scalar(self, depth: int) -> str:
        sides = [f"({self._vector(depth)})", self._scalar(1)]
        self._rng.shuffle(sides)
        op = self._rng.choice((*_ARITHMETIC, *_COMPARISONS, "> bool", "== bool"))
        return f"{sides[0]} {op} {sides[1]}"

    def _function(self, depth: int) -> str:
        inner = self._vector(depth)
        timed = inner if depth > 0 or " @ " not in inner else inner.partition(" offset")[0]
        forms = (
            f"{self._rng.choice(_MATH)}({inner})",
            f"{self._rng.choice(_MATH)}({inner})",
            f"{self._rng.choice(_DATES)}(timestamp({timed}))",
            f"timestamp({timed})",
            f"absent({inner})",
            f"clamp({inner}, {self._scalar(0)}, {self._scalar(0)})",
            f"clamp_min({inner}, {self._scalar(0)})",
            f"clamp_max({inner}, {self._scalar(0)})",
            f"round({inner}, {self._rng.choice(('1', '0.1', '5', '0'))})",
            f'label_replace({inner}, "group", "$1-$2", "job", "(.)(.*)")',
            f'label_join({inner}, "both", "/", "job", "instance")',
            f"-({inner})",
            f"vector({self._scalar(1)})",
        )
        return self._rng.choice(forms)

    def _quantile(self, _: int) -> str:
        window = self._rng.choice(("1m", "5m", "10m"))
        inner = self._rng.choice(
            (f"rate(l_bucket[{window}])", f"sum by (le, job) (rate(l_bucket[{window}]))", "l_bucket")
        )
        return f"histogram_quantile({self._scalar(0)}, {inner})"

    def _native(self, depth: int) -> str:
        metric, window = self._rng.choice(_NATIVE), self._rng.choice(("1m", "5m", "10m"))
        counter = metric.replace("n_gauge", "n")
        inner = self._rng.choice(
            (
                f"rate({counter}[{window}])",
                f"sum by (job) (rate({counter}[{window}]))",
                f"avg(increase({counter}[{window}]))",
                f"delta(n_gauge[{window}])",
                f"sum_over_time({metric}[{window}])",
                f"-{metric} * {self._rng.choice(('2', '-0.5', '0'))}",
                metric,
            )
        )
        return self._rng.choice(
            (
                f"{self._rng.choice(_MEASURES)}({inner})",
                f"histogram_quantile({self._scalar(0)}, {inner})",
                f"histogram_fraction({self._scalar(0)}, {self._scalar(0)}, {inner})",
                inner,
            )
        )

    def _scalar(self, depth: int) -> str:
        kind = self._rng.random()
        if depth <= 0 or kind < 0.5:
            return self._rng.choice(_NUMBERS)
        if kind < 0.6:
            return "time()"
        if kind < 0.8:
            return f"scalar({self._vector(depth - 1)})"
        return f"({self._scalar(depth - 1)} {self._rng.choice(_ARITHMETIC)} {self._scalar(depth - 1)})"
