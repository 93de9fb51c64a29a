"""What the Hub asks of the front matter of a README: checked before a push by `POST /api/validate-yaml`."""

from __future__ import annotations

import re
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, Field, ValidationError

FRONT_MATTER = re.compile(r"\s*---\r?\n(.*?)\r?\n---(\r?\n|$)", re.DOTALL)
LICENSES = (
    "apache-2.0",
    "mit",
    "bsd-3-clause",
    "cc0-1.0",
    "cc-by-4.0",
    "cc-by-sa-4.0",
    "gpl-3.0",
    "openrail",
    "unknown",
    "other",
)  # of many more


def listed_license(name: str) -> str:
    if name not in LICENSES:
        raise ValueError(f"must be one of {', '.join(LICENSES)}")
    return name


Name = Annotated[str, Field(min_length=1)]
License = Annotated[str, AfterValidator(listed_license)]
RepositoryName = Annotated[str, Field(pattern=r"^[\w.-]+(/[\w.-]+)?$")]


class Task(BaseModel):
    type: Name


class Dataset(BaseModel):
    type: Name
    name: Name


class Metric(BaseModel):
    type: Name
    value: float | int | str


class Result(BaseModel):
    task: Task
    dataset: Dataset | None = None
    metrics: Annotated[list[Metric], Field(min_length=1)]


class ModelIndex(BaseModel):
    name: Name
    results: list[Result]


class FrontMatter(BaseModel):
    """The fields that the Hub knows; others are free."""

    license: License | list[License] | None = None
    language: str | list[str] | None = None
    tags: list[str] | None = None
    datasets: str | list[str] | None = None
    library_name: str | None = None
    pipeline_tag: str | None = None
    base_model: RepositoryName | list[RepositoryName] | None = None
    model_index: Annotated[list[ModelIndex] | None, Field(alias="model-index")] = None


def front_matter(readme: str) -> dict[str, Any]:
    """What stands between the lines of dashes; empty if nothing does.

    Raises:
        yaml.YAMLError: If it is not YAML.
    """
    match = FRONT_MATTER.match(readme)
    return (yaml.safe_load(match[1]) or {}) if match else {}


def errors(readme: str) -> list[str]:
    """What is wrong with the front matter, a sentence each."""
    try:
        FrontMatter.model_validate(front_matter(readme))
    except yaml.YAMLError as error:
        return [f"YAML metadata error: {str(error).splitlines()[0]}"]
    except ValidationError as error:
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return []
