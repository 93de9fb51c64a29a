"""What "auto" means for a stream: the data sets as they are at the Hub when the run starts first."""

from __future__ import annotations

from training.data.streams.texts import StreamedTexts
from training.preflight.auto import Choice, Choices


def stream_choices(texts: StreamedTexts | None) -> Choices:
    """The commits of the data sets, so that a resumed run reads the same rows; nothing without a stream of the Hub."""
    if texts is None or not texts.revision:
        return {}
    return {"dataset_revision": Choice(texts.revision, "the newest at the Hub when the run started first")}
