"""How much the service takes on, and who may ask."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Settings(BaseModel):
    """What holds while it runs. Together they bound its memory, whoever asks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: SecretStr | None = None
    """That clients must have; None lets everyone ask. From the environment: a command line is seen by others."""
    max_mb: float = Field(default=10.0, gt=0)
    """Megabytes of a request's body. Up to one stays in memory, the rest waits on the disk."""
    max_pixels: int = Field(default=50_000_000, gt=0)
    """Of an upload: a phone's picture; 150 MB decoded. No more than `encoders` are decoded at once."""
    timeout: float = Field(default=30.0, gt=0)
    """Seconds from a request's first byte to its answer."""
    waiting: int = Field(default=512, gt=0)
    """Requests at once; one more is told to come again."""
    encoders: int = Field(default=1, gt=0)
    """Pictures and texts embedded at once: a model uses all cores, or the GPU, for one."""
    searches: int = Field(default=4, gt=0)
    """Searches, and pictures made small, at once."""

    @property
    def max_bytes(self) -> int:
        return int(self.max_mb * 1_000_000)
