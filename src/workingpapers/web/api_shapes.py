"""The shapes of the API's answers, for its OpenAPI document."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class _Shape(BaseModel):
    """In JSON the names are in camel case, as clients of the API expect them."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


class ApiErrorDetail(_Shape):
    """What went wrong."""

    type: str
    message: str


class ApiError(_Shape):
    """Every error, at every path."""

    error: ApiErrorDetail


class ApiAuthor(_Shape):
    """An author."""

    name: str
    hidden: bool


class ApiOurs(_Shape):
    """What only this page knows of a paper."""

    key: str
    built: bool
    verdicts: dict[str, int] | None
    scale: str | None
    topics: list[str]
    author_count: int


class ApiPaper(_Shape):
    """A paper."""

    id: str
    authors: list[ApiAuthor]
    published_at: str
    submitted_on_daily_at: str
    title: str
    summary: str
    upvotes: int
    source: str
    project_page: str
    github_repo: str | None = None
    working_papers: ApiOurs


class ApiDailyPaper(_Shape):
    """A paper in a list."""

    paper: ApiPaper
    published_at: str
    title: str
    summary: str
    thumbnail: str
    num_comments: int
    is_author_participating: bool
