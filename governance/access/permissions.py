"""What a principal may do: the union of the permissions of its roles, as the access policy in force gives them."""

from governance.access.tables import Principal
from governance.errors import Forbidden
from governance.policy.rules import AccessPolicy


def permissions_of(principal: Principal, policy: AccessPolicy) -> frozenset[str]:
    """Every permission of the principal. A role that the policy no longer knows gives none."""
    return frozenset(permission for role in principal.roles for permission in policy.roles.get(role, ()))


def require(principal: Principal, permission: str, policy: AccessPolicy) -> None:
    """Raise `Forbidden` unless one of the principal's roles has ``permission`` (``area:verb``)."""
    if permission not in permissions_of(principal, policy):
        msg = f"{permission} is given to {_roles_with(permission, policy)}; yours: {', '.join(principal.roles)}"
        raise Forbidden(msg)


def _roles_with(permission: str, policy: AccessPolicy) -> str:
    return ", ".join(role for role, given in policy.roles.items() if permission in given) or "no role"
