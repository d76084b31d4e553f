"""What a page is started with."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class WebSettings:
    """Settings of one server.

    Args:
        database: The SQLite file; None is the default place.
        store: The folder that runs are kept in.
        host: Address to bind.
        port: Port to bind.
        public: Whether people sign in; else there is one person, who may do everything.
        base_url: How readers reach the page, for links in mails and feeds, without a slash at the end.
    """

    database: Path | None = None
    store: Path = Path("runs")
    host: str = "127.0.0.1"
    port: int = 8000
    public: bool = False
    base_url: str = "http://127.0.0.1:8000"

    @property
    def secure(self) -> bool:
        """Whether readers reach the page by https."""
        return self.base_url.startswith("https://")

    @property
    def host_names(self) -> frozenset[str]:
        """The names under which this page answers, without port; any other `Host` is refused."""
        own = urlsplit(self.base_url).hostname
        return (frozenset() if self.public else LOOPBACK_NAMES) | ({own} if own else frozenset())
