"""What the routes of the service share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segdrone.annotations.servers.label_studio import LabelStudio
from segdrone.serve.job_queue import JobQueue
from segdrone.serve.metrics import Metrics
from segdrone.serve.models import ModelCopies
from segdrone.serve.pool import WorkerPool
from segdrone.serve.prediction_log import PredictionLog
from segdrone.serve.settings import ServeSettings


@dataclass(frozen=True)
class Service:
    """A service that runs.

    Attributes:
        settings: Its settings.
        pool: Its workers, started.
        models: Its models.
        metrics: What it counts.
        spool: Folder of the requests' folders.
        predictions: Statistics of what it predicts.
        tokens: Digests of the tokens, one of which a request needs; empty lets everyone in.
        jobs: Its jobs; None if it takes none.
        label_studio: The Label Studio whose photographs it labels, if any.
    """

    settings: ServeSettings
    pool: WorkerPool
    models: ModelCopies
    metrics: Metrics
    spool: Path
    predictions: PredictionLog
    tokens: Sequence[bytes] = ()
    jobs: JobQueue | None = None
    label_studio: LabelStudio | None = None

    def kill(self) -> None:
        """Ends all workers at once."""
        self.pool.close(kill=True)
        if self.jobs is not None:
            self.jobs.stop(kill=True)
