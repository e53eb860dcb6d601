"""The checks of `nearline doctor` that look into the local databases; a worker may be at work on them."""

from streams.engine.changelog import ends
from streams.engine.state import is_marked
from streams.errors import StateError
from streams.kafka.clients import consumer
from streams.ops.findings import Finding, Patient, Status
from streams.ops.state.local import StateLocation, places, reading

__all__ = ["databases", "reach_of_the_log"]


def databases(patient: Patient) -> Finding:
    """Open every local database as it is; `nearline state verify` reads the rows, too."""
    try:
        found = places(patient.settings)
    except StateError:
        return Finding(Status.OK, "none here yet")
    ill = {str(place): why for place in found if (why := _trouble(place))}
    if not ill:
        return Finding(Status.OK, f"{len(found)} can be read; `nearline state verify` looks at every row")
    name, why = next(iter(ill.items()))
    cause = f"{len(ill)} of {len(found)} cannot be used; {name}: {why}"
    step = "start the worker: it wipes what is damaged and rebuilds it; then look for errors of the disk"
    return Finding(Status.FAIL, cause, step)


def _trouble(place: StateLocation) -> str:
    if is_marked(place.folder):
        return "found damaged while it was open"
    try:
        with reading(place):
            return ""
    except StateError as error:
        return error.what


def reach_of_the_log(patient: Patient) -> Finding:
    """Compare what the state has reached with what the topics still hold."""
    try:
        found = places(patient.settings)
    except StateError:
        return Finding(Status.OK, "there is no local state to fall behind")
    lost = 0
    reader = consumer(patient.settings, {"group.id": "nearline-doctor"})
    try:
        for place in found:
            with reading(place) as store:
                applied = store.applied
            low, _ = ends(reader, patient.settings.topic(place.kind.source), place.partition)
            lost += max(0, low - applied - 1) if applied >= 0 else 0
    finally:
        reader.close()
    if lost:
        cause = f"{lost} records were deleted before the state of this machine had them"
        step = "another worker may have applied them; if none has, raise retention.ms of the source topics"
        return Finding(Status.WARN, cause, step)
    return Finding(Status.OK, f"the topics hold all that comes after the state of {len(found)} databases")
