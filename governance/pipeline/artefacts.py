"""Releases and models on disk, found by their registered digest and refused when they are not what was registered."""

from governance.pipeline.home import Home
from governance.registry.tables import Model as Registered
from governance.registry.tables import ReleaseRecord
from recommender.model import Model
from recommender.release import Release, load_release
from recommender.serving import Recommender


def load_registered_release(home: Home, record: ReleaseRecord) -> Release:
    """The release itself.

    Raises:
        CorruptArtefact: the files are not those that were registered.
    """
    return load_release(home.settings.home / record.path, record.digest)


def load_recommender(home: Home, model: Registered) -> Recommender:
    """A recommender over the registered model.

    Raises:
        CorruptArtefact: the files are not those that were registered.
    """
    return Recommender.load(home.settings.home / model.path, model.digest)


def save_model(home: Home, model: Model) -> str:
    """Write a model below the home; returns its path there."""
    folder = home.folder("models") / model.digest
    model.save(folder)
    return f"models/{model.digest}"
