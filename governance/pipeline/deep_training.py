"""The embedding model beside a release: both are reserved together and read the same snapshot, one after the other.

The policy's `release_epsilon` is what both cost together; its `autoencoder` block says how it is divided. Without that
block none is trained.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.errors import PolicyError
from governance.pipeline.artefacts import save_model
from governance.pipeline.attesting import Attesting, attest_models
from governance.pipeline.catalogue import load_catalogue
from governance.pipeline.home import Home
from governance.pipeline.measured import read_everybody
from governance.registry.models import model_id_of, register_model
from governance.registry.tables import Model, ReleaseRecord, Snapshot
from recommender.accounting import Guarantee
from recommender.autoencoder.mechanism import Plan, plan_autoencoder
from recommender.denoise import denoise
from recommender.features import features_from
from recommender.mechanism import Mechanism, Performance
from recommender.noise import OpenDPNoise
from recommender.paid_models import AUTOENCODER
from recommender.release import Release

if TYPE_CHECKING:
    from recommender.autoencoder.artefact import Autoencoder

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class DeepTraining:
    """One training of an autoencoder beside a release: a ``Companion`` of `train`.

    Attributes:
        home: where it happens.
        alone: the release that would be made without it, at the epsilon of both together.
    """

    home: Home
    alone: Mechanism

    @cached_property
    def plan(self) -> Plan:
        """How the two divide what the policy allows.

        Raises:
            PolicyError: privacy.yaml has no `autoencoder` block.
        """
        asked = self.home.policies.privacy.value.autoencoder
        if asked is None:
            msg = "privacy.yaml: autoencoder: expected a block that says what it may spend, there is none"
            raise PolicyError(msg)
        settings = self.alone.as_dict()
        epsilon, delta = float(settings.pop("epsilon")), float(settings.pop("delta"))
        return plan_autoencoder(
            epsilon,
            delta,
            share=asked.share,
            max_grad_norm=asked.max_grad_norm,
            sampling_rate=asked.sampling_rate,
            steps=asked.steps,
            **settings,
        )

    @property
    def kind(self) -> str:
        """Slug of its model kind."""
        return AUTOENCODER.slug

    @property
    def mechanism(self) -> Mechanism:
        """Of the release beside it."""
        return self.plan.release

    @property
    def guarantee(self) -> Guarantee:
        """Of both together."""
        return self.plan.guarantee

    def train(self, snapshot: Snapshot, release: Release, progress: Progress | None) -> "Autoencoder":
        """Read the snapshot again and train; nothing is registered."""
        from recommender.autoencoder.training import train_autoencoder  # torch

        categories = load_catalogue(self.home.settings.folder("catalogue")).categories
        return train_autoencoder(
            read_everybody(self.home, snapshot),
            denoise(release, features_from(categories)),
            self.plan.training,
            noise=OpenDPNoise(),
            performance=Performance(threads=self.home.settings.training.threads),
            progress=progress,
        )

    def register(
        self, model: "Autoencoder", record: ReleaseRecord, snapshot: Snapshot, author: Principal
    ) -> dict[str, Model]:
        """Save, register and attest the model; by its slug."""
        path = save_model(self.home, model)
        with self.home.transaction() as session:
            registered = register_model(
                session,
                AUTOENCODER.slug,
                model.digest,
                model_id=model_id_of(record.reservation_id, AUTOENCODER.slug),
                release=record,
                author=author,
                path=path,
                actor=actor_of(author),
                clock=self.home.clock,
            )
            models = {AUTOENCODER.slug: registered}
            internal = {"mechanism": model.mechanism.as_dict(), "guarantee": model.guarantee.as_dict()}
            attest_models(Attesting(session=session, home=self.home), models, record, snapshot, internal=internal)
        return models
