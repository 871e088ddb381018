"""How much the service takes on, and who may ask."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Settings(BaseModel):
    """What whoever runs it may choose. With what limits.py, uploads.py and working.py say they bound its memory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: SecretStr | None = None
    """That clients must have; None lets everyone ask. From the environment: a command line is seen by others."""
    max_mb: float = Field(default=10.0, gt=0)
    """Megabytes of a request's body. Up to one stays in memory, the rest waits on the disk."""
    timeout: float = Field(default=30.0, gt=0)
    """Seconds from a request's first byte to its answer."""

    @property
    def max_bytes(self) -> int:
        return int(self.max_mb * 1_000_000)
