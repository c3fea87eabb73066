"""What the service counts, for Prometheus. Only the process that accepts requests counts, so no count is lost."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from segdrone.serve.job_queue import JobQueue
from segdrone.serve.pool import WorkerPool
from segdrone.serve.prediction_log import WINDOW, PredictionLog

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second line for each
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """Counters and histograms of one service.

    Args:
        pool: Whose state is shown beside them.
        jobs: As `pool`.
        predictions: As `pool`.
    """

    def __init__(self, pool: WorkerPool, jobs: JobQueue | None, predictions: PredictionLog) -> None:
        self._registry = registry = CollectorRegistry()
        labels = ("route", "model", "status")
        self._requests = Counter("segdrone_requests", "Requests that were answered.", labels, registry=registry)
        self._queued = Histogram(
            "segdrone_queued_seconds", "Time that requests waited.", ("model",), buckets=_SECONDS, registry=registry
        )
        self._predicted = Histogram(
            "segdrone_predicted_seconds", "Time to predict.", ("model",), buckets=_SECONDS, registry=registry
        )
        self._megapixels = Counter(
            "segdrone_megapixels", "Megapixels that requests had predicted; those of jobs do not count.", ("model",),
            registry=registry,
        )  # fmt: skip
        registry.register(_State(pool, jobs))
        registry.register(_DriftState(pool, predictions))

    def count_request(self, route: str, model: str, status: int) -> None:
        """Counts an answer."""
        self._requests.labels(route, model, str(status)).inc()

    def count_prediction(self, model: str, *, queued: float, predicted: float, megapixels: float) -> None:
        """Counts a prediction; times are in seconds."""
        self._queued.labels(model).observe(queued)
        self._predicted.labels(model).observe(predicted)
        self._megapixels.labels(model).inc(megapixels)

    def text(self) -> bytes:
        """Returns all in the text format of Prometheus."""
        return generate_latest(self._registry)


class _State(Collector):
    """State of workers and jobs, as it is when it is asked for."""

    def __init__(self, pool: WorkerPool, jobs: JobQueue | None) -> None:
        self._pool, self._jobs = pool, jobs

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Yields the metrics."""
        pool = self._pool
        yield GaugeMetricFamily("segdrone_queue_length", "Requests that wait for a worker.", pool.waiting)
        yield GaugeMetricFamily("segdrone_workers", "Workers that there should be.", pool.size)
        yield GaugeMetricFamily("segdrone_workers_alive", "Workers that are up.", pool.alive)
        yield GaugeMetricFamily("segdrone_workers_busy", "Workers that compute.", len(pool.running))
        yield CounterMetricFamily("segdrone_worker_restarts", "Workers started in place of others.", pool.restarts)
        if (jobs := self._jobs) is not None:
            yield GaugeMetricFamily("segdrone_jobs_waiting", "Jobs that wait.", jobs.waiting)
            yield GaugeMetricFamily("segdrone_jobs_running", "Jobs that are computed.", jobs.running)
            ended = CounterMetricFamily("segdrone_jobs", "Jobs that have ended.", labels=["state"])
            for state in ("done", "failed"):
                ended.add_metric([state], jobs.ended[state])
            yield ended


class _DriftState(Collector):
    """How far the latest photographs are from the models' references."""

    def __init__(self, pool: WorkerPool, predictions: PredictionLog) -> None:
        self._pool, self._predictions = pool, predictions

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yields the metrics of models that have a reference, once there are enough photographs."""
        text = f"of the latest {WINDOW} photographs from the reference of the model"
        score = GaugeMetricFamily("segdrone_drift_score", f"Drift {text}: 2 is an alarm at 1 %.", labels=["model"])
        alarm = GaugeMetricFamily("segdrone_drift_alarm", f"Whether the drift {text} is an alarm.", labels=["model"])
        for model, description in self._pool.descriptions.items():
            if (drift := self._predictions.drift(description)) is not None:
                score.add_metric([model], drift.score)
                alarm.add_metric([model], float(drift.alarm))
        yield from (score, alarm)
