"""The envelope in plain numpy, a slot at a time over all series: what the kernel must equal."""

import numpy as np

from query.models.envelope import Bands, Setting
from storage.model import Float64Array


class Twin:
    """As `State` and `advance`."""

    def __init__(self, series: int, setting: Setting) -> None:
        self.setting, self.bins, self.n = setting, setting.bins, series
        self.profile = np.zeros((series, self.bins))
        self.spread = np.zeros((series, self.bins))
        self.visits = np.zeros((series, self.bins))
        self.weekly = np.zeros((series, 168))
        zeros = [np.zeros(series) for _ in range(13)]
        self.seen, self.fast, self.slow, self.scale, self.power, self.sign, self.run = zeros[:7]
        self.sum, self.with_, self.without, self.missed, self.age, self.relearn = zeros[7:]

    def advance(self, slot: int, values: Float64Array) -> Bands:
        columns = [self._step(slot + i, values[:, i]) for i in range(values.shape[1])]
        return Bands(*(np.stack([column[k] for column in columns], axis=1) for k in range(4)))

    def _step(self, slot: int, value: Float64Array) -> tuple[Float64Array, ...]:
        step_s, k = self.setting.step_ms // 1000, self.setting.sensitivity
        season_kind = int(self.setting.seasonality)
        bin_s = 86_400 // self.bins
        second = slot * step_s
        place = (second % 86_400) / bin_s
        here = int(place)
        away = place - here - 0.5
        there = (here + 1) % self.bins if away >= 0 else (here - 1) % self.bins
        away = 0.0 if bin_s <= step_s else abs(away)
        hour = (second % 604_800) // 3_600
        season, around = np.zeros(self.n), self.scale.copy()
        if season_kind > 0:
            season = (1 - away) * self.profile[:, here] + away * self.profile[:, there]
            around = (1 - away) * self.spread[:, here] + away * self.spread[:, there]
        is_weekly = (self.age > 2 * 604_800 // step_s) & (self.with_ < 0.9 * self.without)
        shift = np.where(is_weekly & (season_kind > 1), self.weekly[:, hour], 0.0)
        fast, slow = self.fast + season + shift, self.slow + season + shift
        core = 1.25 * (0.5 * self.scale + 0.5 * around) + 0.002 * np.abs(fast) + 1e-9
        deviation = np.sqrt(self.power)
        width = np.maximum(core, np.clip(0.5 * deviation / (3 * core), 0.5, 3) * deviation)
        usual = self.age / np.maximum(self.seen, 1)
        gap = self.missed + 1
        wider = np.minimum(2.0, np.sqrt(gap / (2 * usual + 1)))
        width = np.where(gap > 2 * usual + 1, width * wider, width)
        low, high = np.minimum(fast, slow), np.maximum(fast, slow)
        outside = np.where(value > high, value - high, np.where(value < low, value - low, 0.0))
        learning = (self.seen < max(30, 10_800 // step_s)) | (self.relearn > 0)
        back = (self.missed > max(3, 7_200 // step_s)) & (self.missed > 10 * usual)
        score = np.where(learning | back | np.isnan(value), np.nan, np.abs(outside / (k * width)))
        out = [np.where(learning, np.nan, x) for x in (low - k * width, fast, high + k * width)]
        self._learn(value, here, hour, season, fast, slow, core, usual)
        return (*out, score)

    def _learn(
        self,
        value: Float64Array,
        here: int,
        hour: int,
        season: Float64Array,
        fast: Float64Array,
        slow: Float64Array,
        core: Float64Array,
        usual: Float64Array,
    ) -> None:
        step_s, season_kind = self.setting.step_ms // 1000, int(self.setting.seasonality)
        self.age += self.seen > 0
        known = np.isfinite(value)
        new = known & (self.seen == 0)
        self.fast[new] = self.slow[new] = value[new]
        self.age[new] = 1
        fast, slow = np.where(new, value, fast), np.where(new, value, slow)
        back = known & ~new & (self.missed > max(3, 7_200 // step_s)) & (self.missed > 10 * usual)
        self.relearn[back] = 3
        self.run[back] = self.sum[back] = 0
        self.missed = np.where(known, 0, self.missed + 1)
        self.seen += known
        residual, slow_residual = value - fast, value - slow
        again = known & (self.relearn > 0)
        self.fast[again] += residual[again] / (4 - self.relearn[again])
        self.relearn[again] -= 1
        on = known & ~again
        old = self.seen >= 30
        gain = np.maximum(min(0.05 * step_s / 60, 0.25), 1 / (self.seen + 1))
        limit = np.where(old, 3 * core, np.inf)
        clipped = np.clip(residual, -limit, limit)
        self.fast[on] += (gain * clipped)[on]
        wide = np.where(old, 9 * core, np.inf)
        slow_gain = np.maximum(min(step_s / 86_400, 0.3), 1 / (self.seen + 1))
        self.slow[on] += (slow_gain * np.clip(slow_residual, -wide, wide))[on]
        self.visits[on, here] += 1
        visits, a_bin = self.visits[:, here], max(1.0, 86_400 // self.bins / step_s)
        least = np.where(visits < 20 * a_bin, 1 / (visits + 1), 0)
        bin_gain = np.maximum(0.1 / a_bin, least)
        size = np.minimum(np.abs(residual), np.where(old, 6 * core, np.inf))
        self.profile[on, here] += (bin_gain * (1 - gain) * clipped)[on]
        self.spread[on, here] += (bin_gain * (size - self.spread[:, here]))[on]
        rate = np.maximum(step_s / (3 * 86_400), 1 / (self.seen + 1))
        self.scale[on] += (rate * (size - self.scale))[on]
        power_rate = np.maximum(step_s / (28 * 86_400), 1 / (self.seen + 1))
        self.power[on] += (power_rate * (residual * residual - self.power))[on]
        if season_kind > 1:
            plain = np.clip(value - self.slow - season, -wide, wide)
            self.without[on] += (rate * (np.abs(plain) - self.without))[on]
            self.with_[on] += (rate * (np.abs(plain - self.weekly[:, hour]) - self.with_))[on]
            weeks = np.minimum(self.age * step_s / 604_800 + 1, 4)
            share = (plain - self.weekly[:, hour]) / (max(1.0, 3_600 / step_s) * weeks)
            self.weekly[on, hour] += share[on]
        far = on & (self.seen > 30) & (np.abs(residual) > 3 * core)
        sign = np.sign(residual)
        turned = (on & ~far) | (far & (sign != self.sign))
        self.run[turned] = self.sum[turned] = 0
        self.sign = np.where(far, sign, np.where(on, 0, self.sign))
        self.run[far] += 1
        self.sum[far] += residual[far]
        moved = far & (self.run >= max(3, 3_600 // step_s))
        self.fast[moved] += (self.sum / np.maximum(self.run, 1))[moved]
        self.sign[moved] = self.run[moved] = self.sum[moved] = 0
