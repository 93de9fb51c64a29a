"""Words for a missing cell, the error words of spreadsheets, and the setting for columns in which they are values."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from training.errors import UserError
from training.settings import ADVANCED, RunSettings

WORDS = ("", "NA", "N/A", "n/a", "na", "NaN", "nan", "null", "NULL", "None", "?", "-", "--", "#N/A", ".")
PROGRAMS = (
    "<NA>",
    "NaT",
    "<null>",
    "-NaN",
    "-nan",
    "NAN",
    "1.#IND",
    "-1.#IND",
    "1.#QNAN",
    "-1.#QNAN",
    "#NA",
    "#N/A N/A",
)
ERRORS = (  # of Excel, LibreOffice and Google Sheets, and of Excel in German, French, Spanish and Italian
    "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#FIELD!", "#BLOCKED!",
    "#CONNECT!", "#BUSY!", "#UNKNOWN!", "#PYTHON!", "#GETTING_DATA", "#ERROR!", "#DIV/0", "#NV", "#BEZUG!", "#WERT!",
    "#ZAHL!", "#VALEUR!", "#NOM?", "#NOMBRE!", "#NOMBRE?", "#¡DIV/0!", "#¡REF!", "#¡VALOR!", "#¿NOMBRE?", "#¡NUM!",
    "#¡NULO!", "#VALOR!", "#RIF!", "#VALORE!", "#NOME?", "Err:502", "Err:503", "Err:504", "Err:508", "Err:509",
    "Err:510", "Err:511", "Err:512", "Err:522", "Err:523",
)  # fmt: skip
MISSING = (*WORDS, *PROGRAMS, *ERRORS)
MAYBE_VALUES = ("NA", "N/A", "n/a", "na", "None", "null", "NULL", "?", "-", "--", ".")  # that can mean something

UNKNOWN = frozenset((  # words that mean "missing" among the numbers of a column, casefolded; never a single letter
    *(word.casefold() for word in MISSING), "n.a.", "n.a", "n. a.", "k.a.", "k.a", "k. a.", "n.d.", "nd", "n/d", "n.v.",
    "s/d", "b.d.", "\\n", "–", "—", "---", "...", "…", "??", "unknown", "unk", "missing", "not available",
    "not applicable", "no data", "empty", "undefined", "keine angabe", "unbekannt", "fehlt", "fehlend", "leer",
    "inconnu", "manquant", "non disponible", "desconocido", "sin dato", "sin datos", "sconosciuto", "onbekend",
    "desconhecido", "sem dados", "brak", "brak danych", "okänd", "ukjent", "ukendt",
))  # fmt: skip


class LiteralColumns(RunSettings):
    """Mix-in: columns in which the words for "missing" are values."""

    literal_columns: str = Field(
        "",
        max_length=20_000,
        description="Columns in which NA, None, - and the like are values and not missing: names separated by commas.",
        json_schema_extra=ADVANCED,
    )


def parse_literal_columns(words: str, names: Sequence[str]) -> tuple[str, ...]:
    """Parse "country, grade".

    Raises:
        UserError: For a column that there is not.
    """
    columns = tuple(filter(None, (name.strip() for name in words.split(","))))
    for name in columns:
        if name not in names:
            raise UserError(f"literal_columns: there is no column {name!r}; there are: {', '.join(names[:40])}.")
    return columns
