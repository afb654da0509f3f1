"""How far the packages of an environment are on this machine."""

from agents.environment_config import wanted_packages
from agents.models import Environment
from agents.plugs import sandbox
from agents.sandbox.base import PackagesState, SandboxLost, SandboxUnavailable


def states_of_packages(environment: Environment) -> dict[str, PackagesState]:
    """By manager; empty where there are none, or nobody to ask."""
    packages = wanted_packages(environment.config)
    if packages is None:
        return {}
    try:
        return dict(sandbox().packages_state(packages))
    except (SandboxUnavailable, SandboxLost):
        return {}
