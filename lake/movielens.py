"""MovieLens in GroupLens' own layouts: 1M (``::``), 100K (``u.*``) and the later CSV ones."""

from collections.abc import Callable, Iterator
from itertools import compress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lake.chunks import Chunk, delimited

GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
"""Order of the genre flags in ``u.item`` of the 100K layout; the first says that there is no genre."""

RATINGS = ("user_id", "item_id", "value", "timestamp")
LAYOUTS = ("ratings.dat", "u.data", "ratings.csv")
"""The file by which each layout is known."""

YEAR = r"\((?P<year>\d{4})\)\s*$"

Change = Callable[[pa.Table], pa.Table]


def _with_year(rows: pa.Table) -> pa.Table:
    return rows.append_column("year", pc.struct_field(pc.extract_regex(rows["title"], YEAR), "year"))


def _without_empty_genre(rows: pa.Table) -> pa.Table:
    genres = pc.replace_substring_regex(rows["category"], r"^\(no genres listed\)$", "")
    return _with_year(rows.set_column(rows.column_names.index("category"), "category", genres))


def _genre_flags(rows: pa.Table) -> pa.Table:
    flags = zip(*(rows[genre].to_pylist() for genre in GENRES[1:]), strict=True)
    genres = ["|".join(compress(GENRES[1:], (flag == "1" for flag in row))) for row in flags]
    return _with_year(rows.select(["item_id", "title"]).append_column("category", pa.array(genres, pa.string())))


def _table(
    path: Path, names: tuple[str, ...], separator: str, *, header: bool, change: Change | None = None,
    encoding: str = "latin-1",
) -> Callable[[], Iterator[Chunk]]:  # fmt: skip
    def chunks() -> Iterator[Chunk]:
        for chunk in delimited(path, names, separator, header=header, encoding=encoding):
            yield Chunk(change(chunk.rows) if change else chunk.rows, chunk.lines, chunk.malformed)

    return chunks


def movielens_tables(folder: Path) -> dict[str, tuple[Path, list[str], Callable[[], Iterator[Chunk]]]]:
    """Table → (file, columns, chunks) of the layout that ``folder`` has; empty when it has none of them.

    Every rating is an interaction (action click, ``value`` the rating); genres are the categories.
    """
    people = ("user_id", "gender", "age", "occupation", "zip")
    if (folder / "ratings.dat").is_file():
        movies = _table(folder / "movies.dat", ("item_id", "title", "category"), "::", header=False, change=_with_year)
        tables = {
            "interactions": ("ratings.dat", RATINGS, _table(folder / "ratings.dat", RATINGS, "::", header=False)),
            "items": ("movies.dat", ("item_id", "title", "category", "year"), movies),
            "users": ("users.dat", people, _table(folder / "users.dat", people, "::", header=False)),
        }
    elif (folder / "u.data").is_file():
        names = ("item_id", "title", "release_date", "video_date", "url", *GENRES)
        movies = _table(folder / "u.item", names, "|", header=False, change=_genre_flags)
        people = ("user_id", "age", "gender", "occupation", "zip")
        tables = {
            "interactions": ("u.data", RATINGS, _table(folder / "u.data", RATINGS, "\t", header=False)),
            "items": ("u.item", ("item_id", "title", "category", "year"), movies),
            "users": ("u.user", people, _table(folder / "u.user", people, "|", header=False)),
        }
    elif (folder / "ratings.csv").is_file() and (folder / "movies.csv").is_file():
        films = ("item_id", "title", "category")
        change = _without_empty_genre
        movies = _table(folder / "movies.csv", films, ",", header=True, change=change, encoding="utf-8-sig")
        ratings = _table(folder / "ratings.csv", RATINGS, ",", header=True, encoding="utf-8-sig")
        tables = {
            "interactions": ("ratings.csv", RATINGS, ratings),
            "items": ("movies.csv", (*films, "year"), movies),
        }
    else:
        return {}
    return {
        name: (folder / file, list(columns), chunks)
        for name, (file, columns, chunks) in tables.items()
        if (folder / file).is_file()
    }
