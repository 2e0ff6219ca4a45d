"""Settings: one frozen object from ``probity.toml`` and ``PROBITY__SECTION__KEY``, built at the edge and passed down.

Order, strongest first: environment, ``HOME/probity.toml``, the embedded default (everything below the home folder,
SQLite). No secret is a setting with a default: keys live in files that ``probity init`` creates.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from governance.errors import ConfigurationError
from governance.resources import DEFAULT_HOME, policies_dir

__all__ = ["DEFAULT_HOME", "Database", "Settings", "load_settings"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Database(_Section):
    """``url`` may carry a password, so it is never printed. None means SQLite below the home."""

    url: SecretStr | None = None


class ControlDatabase(Database):
    """``owner_url`` is for migrations, on PostgreSQL: a role that owns the tables and is not the application's.

    With it the role of ``url`` cannot switch off the triggers that keep the ledger append-only.
    """

    owner_url: SecretStr | None = None


class Lake(_Section):
    """Where event tables lie: a folder, or a URL that Delta Lake understands."""

    url: str | None = None


class Web(_Section):
    """Where the console and the API listen. Loopback unless you put a TLS proxy before it."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000


class Gateway(_Section):
    """Where the ingestion gateway listens."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8001


DEFAULT_ORIGIN = "probity.example/ledger"


class Ledger(_Section):
    """How the log is known outside, and who may fetch it.

    ``origin`` is a scheme-less URL that names it to verifiers (C2SP tlog-checkpoint). ``trust_policy`` is a file (C2SP
    tlog-policy) that names this log's key, the witnesses that are asked to cosign, and how many of them it takes before
    a checkpoint is published; without it no witness is asked.

    ``public`` lets anybody fetch ``/ledger/checkpoint`` and ``/ledger/tile/…`` without a token, as monitors and
    witnesses do. The bundles below ``tile/entries/`` are the entries themselves, so a public log shows every one of
    them; searching, single entries and proofs keep asking for ``ledger:read``.
    """

    origin: Annotated[str, Field(pattern=r"^[^\s+]+$")] = DEFAULT_ORIGIN
    trust_policy: Path | None = None
    public: bool = False


class Training(_Section):
    """How fast a training adds up, and on what; the release is the same to the last bit whatever stands here.

    ``engine`` adds up counts, pairs and signals: torch, or an engine for tables, DuckDB in this process or the Spark
    that the environment is set up for. ``device`` is torch's, and so are its ``threads`` on the CPU.
    """

    engine: Literal["torch", "duckdb", "spark"] = "torch"
    device: Literal["cpu", "cuda"] = "cpu"
    threads: Annotated[int, Field(ge=1, le=1024)] = 2


class Settings(BaseSettings):
    """Everything an operator may set. Unknown keys are refused."""

    model_config = SettingsConfigDict(env_prefix="PROBITY__", env_nested_delimiter="__", frozen=True, extra="forbid")

    home: Path
    policies: Path | None = None
    control: ControlDatabase = ControlDatabase()
    vault: Database = Database()
    lake: Lake = Lake()
    web: Web = Web()
    gateway: Gateway = Gateway()
    ledger: Ledger = Ledger()
    training: Training = Training()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - interface; .env files are not read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - interface; not used
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment, then ``probity.toml`` in the home."""
        home = Path(init_settings().get("home", DEFAULT_HOME))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=home / "probity.toml")

    @property
    def control_url(self) -> str:
        """URL of the control-plane database. Holds a password on PostgreSQL: not for printing."""
        return self.control.url.get_secret_value() if self.control.url else f"sqlite:///{self.home}/control/control.db"

    @property
    def control_owner_url(self) -> str:
        """URL with which the control-plane database is migrated. Holds a password: not for printing."""
        return self.control.owner_url.get_secret_value() if self.control.owner_url else self.control_url

    @property
    def vault_url(self) -> str:
        """URL of the vault's database. Holds a password on PostgreSQL: not for printing."""
        return self.vault.url.get_secret_value() if self.vault.url else f"sqlite:///{self.home}/identity/vault.db"

    @property
    def lake_root(self) -> str:
        """Folder or URL of the event tables."""
        return self.lake.url or str(self.home / "lake")

    @property
    def policies_folder(self) -> Path:
        """The home's own policies where they exist, else those that Probity ships."""
        if self.policies is not None:
            return self.policies
        own = self.home / "policies"
        return own if own.is_dir() else policies_dir()

    def folder(self, name: str) -> Path:
        """A folder of the home, such as ``identity``, ``models`` or ``ledger``."""
        return self.home / name


def load_settings(home: Path) -> Settings:
    """Settings for one home folder.

    Raises:
        ConfigurationError: a key is unknown or a value impossible; names the key, never the value.
    """
    try:
        arguments: dict[str, Any] = {"home": home.expanduser().absolute()}
        return Settings(**arguments)
    except ValidationError as cause:
        first = cause.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        msg = f"{home / 'probity.toml'} or PROBITY__{place.upper().replace('.', '__')}: {place}: {first['msg']}"
        raise ConfigurationError(msg) from None
    except ValueError as cause:  # tomllib.TOMLDecodeError is a ValueError
        msg = f"{home / 'probity.toml'}: not valid TOML ({cause})"
        raise ConfigurationError(msg) from cause
