"""The set of policies that is in force, loaded together so that they agree with each other."""

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path

from governance.errors import PolicyError
from governance.policy.loader import Loaded, load
from governance.policy.privacy_rules import PrivacyPolicy
from governance.policy.purposes import PurposesPolicy
from governance.policy.rules import AccessPolicy, FairnessPolicy, RetentionPolicy, RightsPolicy
from pseudonymisation.minimisation import MinimisationPolicy
from pseudonymisation.schema import DECLARATION


@dataclass(frozen=True)
class Policies:
    """Every policy in force, each with its file's digest."""

    purposes: Loaded[PurposesPolicy]
    minimisation: Loaded[MinimisationPolicy]
    retention: Loaded[RetentionPolicy]
    privacy: Loaded[PrivacyPolicy]
    fairness: Loaded[FairnessPolicy]
    rights: Loaded[RightsPolicy]
    access: Loaded[AccessPolicy]

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 (hex) of each file's bytes, by policy name."""
        return {field.name: getattr(self, field.name).digest for field in fields(self)}

    @property
    def texts(self) -> dict[str, str]:
        """Each file's text, by policy name."""
        return {field.name: getattr(self, field.name).text for field in fields(self)}

    @property
    def digest(self) -> str:
        """One SHA-256 over the names and digests of all policies, for manifests."""
        lines = "".join(f"{name} {digest}\n" for name, digest in sorted(self.digests.items()))
        return hashlib.sha256(b"probity/policies/v1\n" + lines.encode()).hexdigest()


def load_policies(folder: Path) -> Policies:
    """Load all policies of a folder.

    Raises:
        PolicyError: one cannot be used, or two contradict each other; begins with the file and, where there is one,
        the line.
    """
    policies = Policies(
        purposes=load(folder / "purposes.yaml", PurposesPolicy),
        minimisation=load(folder / "minimisation.yaml", MinimisationPolicy),
        retention=load(folder / "retention.yaml", RetentionPolicy),
        privacy=load(folder / "privacy.yaml", PrivacyPolicy),
        fairness=load(folder / "fairness.yaml", FairnessPolicy),
        rights=load(folder / "rights.yaml", RightsPolicy),
        access=load(folder / "access.yaml", AccessPolicy),
    )
    _require_agreement(folder, policies)
    return policies


def _require_agreement(folder: Path, policies: Policies) -> None:
    known = set(policies.purposes.value.purposes)
    unknown = sorted(set(policies.minimisation.value.purposes) - known)
    if unknown:
        msg = f"{folder / 'minimisation.yaml'}: purposes: expected slugs of purposes.yaml, got {', '.join(unknown)}"
        raise PolicyError(msg)
    auditing = policies.purposes.value.auditing
    others = sorted(set(policies.minimisation.value.purposes_of(DECLARATION.name)) - {auditing})
    if others:
        msg = (
            f"{folder / 'minimisation.yaml'}: purposes: expected declarations to be stored for {auditing} alone, which "
            f"audits are made for, got {', '.join(others)}"
        )
        raise PolicyError(msg)
