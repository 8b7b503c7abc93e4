"""Perfusion maps by a Bayesian vascular model (after Boutelier 2012 and Mouridsen 2014).

The transit times of a voxel are taken to be gamma-distributed. A dictionary holds the curve that each
mean, shape and delay would give for the arterial input. A voxel's curve is compared with all of them;
its maps are means over the dictionary, weighted by how well each entry explains the curve and by a
weak prior, and the spread of the weights gives standard deviations. The amplitude of each entry (the
blood volume) and the voxel's baseline are fitted, under a flat prior.

Flow and transit time are known up to a factor, so their posteriors are taken as log-normal, and their maps
are medians of them. Then flow times transit time is the volume, as the central volume theorem demands. Means
would not agree: the mean of flow is 8 % above its median, and volume over the mean of the transit time is 7 %
below it, at 1 HU of noise.

Delay and transit time hardly change from voxel to voxel, but for edges. So where voxels have places, the
prior of each can be what the posteriors of a voxel's neighbours are on average. At an edge that is a mixture
of both sides, of which a voxel's own curve chooses one: edges stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from strokeprep.perfusion.deconvolution import check
from strokeprep.perfusion.points import Points
from strokeprep.series.smoothing import Smoothing
from strokeprep.settings.perfusion import MapSettings, TissueSettings, VascularSettings

VERSION = "9"  # of the method; changes whenever the same constants give other maps
BLOCK = 256  # voxels at a time, so that the weights of a block stay in the cache
FINE = 4  # steps per frame in which the model is computed
SAMPLE = 2000  # voxels from which the noise of the series is estimated
# Of the dictionary's variance so much may lie outside the few waves that stand for all entries.
REST = 1e-6
# Logarithm of the smallest weight: smaller ones make products slow, and no difference.
LEAST = -40.0
LAGS = 3  # frames over which noise may be correlated in time
FITTED = 5  # volume, baseline, mean, shape and delay
LEAST_HU = 1e-3  # noise of curves that have none
TINY = 1e-6
NEIGHBOURS_REACH = 2.0  # standard deviations, at which a Gaussian mean over neighbours ends


# Flow (ml/100 g/min), volume (ml/100 g), mean transit time, delay after the arterial input, and the
# standard deviation of transit times (s).
MAPS = ("cbf", "cbv", "mtt", "delay", "spread")


@dataclass(frozen=True)
class Marginal:
    """What is known of one quantity of the dictionary."""

    values: np.ndarray
    usual: np.ndarray  # the probability of each value before a curve is seen,
    seen: np.ndarray  # and after it (voxels × values)


@dataclass(frozen=True)
class Vascular:
    """One value per voxel; all are 0 where ``valid`` is False."""

    maps: dict[str, np.ndarray]  # by the names of MAPS
    sd: dict[str, np.ndarray]  # standard deviations of the maps
    late: np.ndarray  # probability that delay and half the transit together exceed a limit
    late_flow: np.ndarray  # flow if they do
    late_flow_sd: np.ndarray  # and the standard deviation of its logarithm
    valid: np.ndarray  # bool
    left: np.ndarray  # variance (HU²) that the best entry leaves of the curve
    delay: Marginal  # s
    log_transit: Marginal

    def below(self, flow: float) -> np.ndarray:
        """The probability that a voxel has less flow than given."""
        own = self.maps["cbf"]
        return self.valid * _share_below(flow, own, self.sd["cbf"] / np.maximum(own, TINY))

    def of(self, chosen: np.ndarray) -> Vascular:
        """The same of the voxels that are chosen (bool)."""
        return Vascular(
            {name: values[chosen] for name, values in self.maps.items()},
            {name: values[chosen] for name, values in self.sd.items()},
            self.late[chosen],
            self.late_flow[chosen],
            self.late_flow_sd[chosen],
            self.valid[chosen],
            self.left[chosen],
            replace(self.delay, seen=self.delay.seen[chosen]),
            replace(self.log_transit, seen=self.log_transit.seen[chosen]),
        )

    def late_below(self, flow: float) -> np.ndarray:
        """The probability that a voxel is late and has less flow than given."""
        return self.late * _share_below(flow, self.late_flow, self.late_flow_sd)


def _share_below(limit: float, middle: np.ndarray, log_sd: np.ndarray) -> np.ndarray:
    """The share of a log-normal distribution below a limit."""
    apart = np.log(np.maximum(middle, TINY) / limit) / np.maximum(log_sd, TINY)
    return np.asarray(special.ndtr(-apart))


@dataclass(frozen=True)
class Dictionary:
    """Curves of the model and what each of them means."""

    curves: np.ndarray  # entries × frames, HU at 1 ml/100 g
    mean: np.ndarray  # s
    shape: np.ndarray
    delay: np.ndarray  # s


def dictionary(
    aif: np.ndarray, dt: float, settings: VascularSettings, maps: MapSettings, lag_s: float = 0.0
) -> Dictionary:
    """The curves that an input gives, for all means, shapes and delays.

    Delays are counted from another input, behind which this one lags.
    """
    step, frames = dt / FINE, len(aif)
    fine = np.arange(frames * FINE) * step
    edges = np.arange(frames * FINE + 1) * step
    size = 2 * len(fine)
    inflow = np.fft.rfft(np.interp(fine, np.arange(frames) * dt, aif), size)
    means = np.geomspace(*settings.transit_s, settings.transit_steps)
    delays = np.arange(settings.delay_s[0], settings.delay_s[1] + 1e-6, settings.delay_step_s)
    grid = [axis.ravel() for axis in np.meshgrid(means, settings.shapes, delays, indexing="ij")]
    times = np.arange(frames) * dt - (delays - lag_s)[:, None]
    curves = []
    for mean in means:
        for shape in settings.shapes:
            left = np.diff(_area_left(edges, mean, shape))
            volume = np.fft.irfft(inflow * np.fft.rfft(left, size), size)[: len(fine)] / mean
            curves.append(np.interp(times, fine + step / 2, volume, left=0.0))
    factor = maps.rho / maps.kh / 100
    return Dictionary(factor * np.concatenate(curves), *grid)


def _area_left(t: np.ndarray, mean: float, shape: float) -> np.ndarray:
    """The area under the residue function of gamma-distributed transit times, up to t."""
    scaled = t * shape / mean
    return t * special.gammaincc(shape, scaled) + mean * special.gammainc(shape + 1, scaled)


def vascular_maps(
    curves: np.ndarray,
    aif: np.ndarray,
    dt: float,
    settings: VascularSettings | None = None,
    maps: MapSettings | None = None,
    late_s: float = TissueSettings.hypoperfused_tmax_s,
    lag_s: float = 0.0,
) -> Vascular:
    """Maps of curves (voxels × frames, HU, frames ``dt`` s apart); the baseline is fitted.

    Tissue is late if its delay and half of its transit time together exceed ``late_s``. That is about
    where Tmax of deconvolution lies, which both of them raise (Calamante 2010), so one limit serves both.
    """
    settings, maps = settings or VascularSettings(), maps or MapSettings()
    check(curves, aif, dt)
    entries = dictionary(aif, dt, settings, maps, lag_s)
    model = _Model(entries, settings, late_s)
    noise = model.noise_of_series(_finite(curves[:: -(-len(curves) // SAMPLE)])[0])
    out = np.zeros((2 * len(MAPS) + 3, len(curves)), np.float32)
    left = np.zeros(len(curves), np.float32)
    shares = np.zeros((len(curves), model.marginal.shape[1]), np.float32)
    valid = np.zeros(len(curves), bool)
    for start in range(0, len(curves), BLOCK):
        rows = slice(start, start + BLOCK)
        block, finite = _finite(curves[rows])
        out[:, rows], shares[rows], left[rows], flowing = model.estimates(block, noise)
        valid[rows] = finite & flowing
    out *= valid
    shares *= valid[:, None]
    means, sds = out[: len(MAPS)], out[len(MAPS) : 2 * len(MAPS)]
    late, late_flow, late_flow_sd = out[2 * len(MAPS) :]
    return Vascular(
        dict(zip(MAPS, means, strict=True)),
        dict(zip(MAPS, sds, strict=True)),
        late,
        late_flow,
        late_flow_sd,
        valid,
        left,
        *model.marginals(shares),
    )


def among_neighbours(
    model: Vascular,
    points: Points,
    tissue: np.ndarray,
    spacing: np.ndarray,
    settings: VascularSettings,
) -> Vascular:
    """The same model, with delay and transit time of tissue under priors that neighbours give.

    ``tissue`` marks the voxels that are each other's neighbours. Volume stays, so flow is the volume over the
    transit time. Each of the two has its own neighbours' prior, beside the other as the point's own curve has
    it. Probabilities of lateness and of low flow stay those of single points.
    """
    chosen = points.within(tissue) & model.valid
    if not chosen.any():
        return model
    smoothing = points.smoothing(tissue, chosen, spacing, settings.neighbours_mm, NEIGHBOURS_REACH)
    delay, delay_sd = _with_neighbours(model.delay, chosen, smoothing, settings)
    log, log_sd = _with_neighbours(model.log_transit, chosen, smoothing, settings)
    mtt, volume = np.exp(log), model.maps["cbv"][chosen]
    flow = 60 * volume / mtt
    flow_log_sd = np.hypot(log_sd, model.sd["cbv"][chosen] / np.maximum(volume, TINY))
    changed = {
        "delay": (delay, delay_sd),
        "mtt": (mtt, mtt * log_sd),
        "cbf": (flow, flow * flow_log_sd),
    }
    maps, sd = dict(model.maps), dict(model.sd)
    for name, (values, deviation) in changed.items():
        maps[name], sd[name] = maps[name].copy(), sd[name].copy()
        maps[name][chosen], sd[name][chosen] = values, deviation
    return replace(model, maps=maps, sd=sd)


def _with_neighbours(
    of: Marginal, chosen: np.ndarray, smoothing: Smoothing, settings: VascularSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of a quantity. Posteriors change priors, and these the posteriors, for some rounds."""
    rows = np.flatnonzero(chosen)
    posterior, held = of.seen[rows], of.usual ** (1 - settings.neighbours_held)
    for _ in range(settings.neighbours_rounds):
        for part, prior in smoothing.in_place(posterior):
            prior += settings.neighbours_open * (of.usual - prior)
            prior *= of.seen[rows[part]] / held
            posterior[part] = prior / prior.sum(1, keepdims=True)
    values = of.values.astype(np.float32)  # so that no copy of all posteriors is made
    mean = posterior @ values
    return mean, _sd(mean, posterior @ values**2)


def _finite(curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Curves as float32, those that are not finite replaced by zero, and which were finite."""
    block = np.asarray(curves, np.float32)
    finite = np.all(np.isfinite(block), axis=1)
    return (block if finite.all() else np.where(finite[:, None], block, 0)), finite


@dataclass(frozen=True)
class _Noise:
    """The noise of a series: variance (HU²) outside the model's waves, and how much more within."""

    variance: float
    within: float


class _Model:
    """A dictionary as matrices, for the products that estimate all voxels of a block."""

    def __init__(self, entries: Dictionary, settings: VascularSettings, late_s: float) -> None:
        centred = entries.curves - entries.curves.mean(1, keepdims=True)
        length = np.linalg.norm(centred, axis=1)
        seen = length > 1e-3 * length.max()  # a short series never shows the latest entries
        mean, shape, delay = entries.mean[seen], entries.shape[seen], entries.delay[seen]
        length = length[seen]
        unit = centred[seen] / length[:, None]
        _, power, waves = np.linalg.svd(unit, full_matrices=False)
        count = int(np.sum(np.cumsum(power[::-1] ** 2)[::-1] > REST * np.sum(power**2)))
        self.waves = np.ascontiguousarray(waves[:count].T, np.float32)
        self.entries = np.ascontiguousarray(waves[:count] @ unit.T, np.float32)
        self.noise_frames, self.misfit = settings.noise_frames, settings.misfit
        prior = (
            -0.5 * (np.log(mean / settings.prior_transit_s) / settings.prior_transit_spread) ** 2
        )
        prior -= 0.5 * ((delay - settings.prior_delay_s) / settings.prior_delay_spread_s) ** 2
        prior -= np.log(length)  # the amplitude has a flat prior: it is integrated out
        self.prior = (prior - prior.max()).astype(np.float32)
        late = (delay + mean / 2 > late_s).astype(float)
        spread, log = mean / np.sqrt(shape), np.log(mean)
        volume, flow = 1 / length, 60 / (length * mean)  # of a fit of one
        self.linear = np.stack([volume, flow, late * flow], axis=1).astype(np.float32)
        self.square = np.stack([volume**2, flow**2, late * flow**2], axis=1).astype(np.float32)
        flat = [np.ones_like(mean), late, log, log**2, delay, delay**2, spread, spread**2]
        self.flat = np.column_stack([*flat, self.square]).astype(np.float32)
        self.delays, delay_of = np.unique(delay, return_inverse=True)
        self.logs, log_of = np.unique(log, return_inverse=True)
        self.marginal = np.column_stack(
            [np.eye(len(self.delays))[delay_of], np.eye(len(self.logs))[log_of]]
        ).astype(np.float32)

    def marginals(self, shares: np.ndarray) -> tuple[Marginal, Marginal]:
        """Those of the delay and of the transit time's logarithm, from the voxels' shares in both."""
        usual = np.exp(self.prior) @ self.marginal
        usual /= np.exp(self.prior).sum()
        count = len(self.delays)
        return (
            Marginal(self.delays, usual[:count], shares[:, :count]),
            Marginal(self.logs, usual[count:], shares[:, count:]),
        )

    def noise_of_series(self, curves: np.ndarray) -> _Noise:
        """The noise of a sample of voxels, from what the best entries leave of their curves."""
        centred = curves - curves.mean(1, keepdims=True)
        amplitudes = centred @ self.waves
        fits = amplitudes @ self.entries
        best = fits.argmax(1)
        left = centred - fits.max(1)[:, None] * (self.waves @ self.entries[:, best]).T
        power = np.sum(left**2, 1)
        outside = float(np.median(self._outside(centred, amplitudes)))
        if not outside > 0:  # curves without noise
            return _Noise(LEAST_HU**2, 1.0)
        together = sum(
            max(float(np.sum(left[:, lag:] * left[:, :-lag]) / power.sum()), 0)
            for lag in range(1, LAGS + 1)
        )
        variance = float(np.median(power)) / (left.shape[1] - FITTED) * (1 + 2 * together)
        return _Noise(max(outside, LEAST_HU**2), max(variance / outside, 1.0))

    def _outside(self, centred: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
        """The variance of each curve outside the model's waves."""
        frames, count = self.waves.shape
        rest = np.sum(centred**2, 1) - np.sum(amplitudes**2, 1)
        return np.maximum(rest, 0) / max(frames - 1 - count, 1)

    def _sigma(self, centred: np.ndarray, amplitudes: np.ndarray, noise: _Noise) -> np.ndarray:
        """The noise (HU) of each curve within the model's waves, drawn towards the series'."""
        frames, count = self.waves.shape
        own, given = max(frames - 1 - count, 1), self.noise_frames
        variance = own * self._outside(centred, amplitudes) + given * noise.variance
        misfit = self.misfit**2 * np.sum(centred**2, 1) / frames
        return np.sqrt(noise.within * variance / (own + given) + misfit).astype(np.float32)

    def estimates(
        self, curves: np.ndarray, noise: _Noise
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The maps of a block (maps × voxels), shares of the marginals, what the best entries leave of
        the curves' variance, and where there is any flow."""
        centred = curves - curves.mean(1, keepdims=True)
        amplitudes = centred @ self.waves
        sigma = self._sigma(centred, amplitudes, noise)
        scale = np.float32(np.sqrt(2)) * sigma[:, None]  # so that half the square is the exponent
        fit = (amplitudes / scale) @ self.entries
        np.maximum(fit, 0, out=fit)  # no volume is negative
        weight = fit * fit
        best = weight.max(1)
        left = np.sum(centred**2, 1) - best * scale[:, 0] ** 2
        weight += self.prior
        weight -= weight.max(1, keepdims=True)
        np.maximum(weight, LEAST, out=weight)
        np.exp(weight, out=weight)
        flat = weight @ self.flat
        shares = weight @ self.marginal
        weight *= fit
        linear = scale * (weight @ self.linear)
        weight *= fit
        # The amplitude of an entry is as uncertain as noise makes it.
        square = scale**2 * (weight @ self.square) + sigma[:, None] ** 2 * flat[:, -3:]
        total = flat[:, :1]
        maps = _maps((flat / total).T, (linear / total).T, (square / total).T)
        return maps, shares / total, left / (curves.shape[1] - FITTED), best > 0


def _maps(flat: np.ndarray, linear: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Maps, their standard deviations, and three of late tissue, from means over the posterior."""
    _, late, log, log_square, delay, delay_square, spread, spread_square, *_ = flat
    some = np.maximum(late, TINY)
    flow, flow_log_sd = _log_normal(linear[1], square[1])
    late_flow, late_flow_log_sd = _log_normal(linear[2] / some, square[2] / some)
    mtt = np.exp(log)
    return np.stack(
        [
            flow,
            linear[0],
            mtt,
            delay,
            spread,
            flow * flow_log_sd,
            _sd(linear[0], square[0]),
            mtt * _sd(log, log_square),
            _sd(delay, delay_square),
            _sd(spread, spread_square),
            late,
            late_flow,
            late_flow_log_sd,
        ]
    )


def _log_normal(mean: np.ndarray, mean_square: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Median and standard deviation of the logarithm of a log-normal distribution, from its moments."""
    ratio = np.maximum(mean_square, TINY**2) / np.maximum(mean, TINY) ** 2
    ratio = np.maximum(ratio, 1)
    return mean / np.sqrt(ratio), np.sqrt(np.log(ratio))


def _sd(mean: np.ndarray, mean_square: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(mean_square - mean**2, 0))
