"""The fields that columns of a file can be mapped to, and the options that say how their values are read."""

from typing import Final, NamedTuple

__all__ = ["CATALOG", "FIELDS", "HISTORY", "OPTIONS", "Field"]


class Field(NamedTuple):
    """A field that a column can be mapped to."""

    meaning: str
    names: tuple[str, ...]
    """Column names by which it is recognised, lower case, letters and digits only; the likeliest first."""
    required: bool = False


_LENGTHS: Final = (
    "durations",
    "duration",
    "runtime",
    "length",
    "runtimeminutes",
    "durationminutes",
    "durationms",
    "lengthseconds",
    "durationseconds",
)
"""Names of a title's length, in both kinds of files."""
_TITLE_IDS: Final = (
    "titleid", "movieid", "itemid", "contentid", "videoid", "assetid", "showid", "programid",
    "contentkey", "titlekey", "sku",
)  # fmt: skip
"""Names of the id of a title, in histories and catalogs."""

HISTORY: Final[dict[str, Field]] = {
    "viewer_id": Field(
        "who watched: the key of all events of a viewer",
        (
            "viewerid",
            "userid",
            "user",
            "viewer",
            "accountid",
            "customerid",
            "subscriberid",
            "account",
            "customer",
            "subscriber",
            "profile",
            "uid",
            "member",
        ),
        required=True,
    ),
    "title_id": Field(
        "what was watched: the id of the catalog",
        (
            *_TITLE_IDS,
            "item",
            "movie",
            "content",
            "asset",
            "title",
        ),
        required=True,
    ),
    "time": Field(
        "when: s, ms, us or ns since 1970, ISO 8601 or 31.12.2026 20:15 (UTC unless it says otherwise)",
        (
            "eventtimems",
            "eventtime",
            "timestamp",
            "time",
            "ts",
            "watchedat",
            "createdat",
            "ratedat",
            "datetime",
            "date",
            "startedat",
            "started",
            "starttime",
            "playedat",
            "viewedat",
            "playbackstart",
            "playbackstarted",
            "start",
            "watchdate",
            "eventdate",
        ),
        required=True,
    ),
    "rating": Field("a rating, out of rating_scale", ("rating", "stars", "score", "ratingvalue")),
    "thumb": Field(
        "up or down, like or dislike, true or false", ("thumb", "liked", "like", "thumbs", "feedback")
    ),
    "watched_s": Field(
        "how long it was watched, in watched_unit or h:mm:ss",
        (
            "watcheds",
            "watchedseconds",
            "secondswatched",
            "watched",
            "watchtime",
            "playtime",
            "watchtimes",
            "watchseconds",
            "watchms",
            "minuteswatched",
            "watchedminutes",
            "viewtime",
            "playduration",
            "secondsviewed",
            "minutesviewed",
            "viewedseconds",
            "viewedminutes",
            "viewed",
        ),
    ),
    "progress": Field(
        "how far it was watched, out of progress_scale",
        ("progress", "completion", "percent", "progresspercent", "completionrate", "pct", "percentwatched"),
    ),
    "duration_s": Field(
        "length of the title, in duration_unit or h:mm:ss",
        _LENGTHS,
    ),
    "device": Field("kind of device", ("device", "devicetype", "platform")),
    "country": Field("two capitals, ISO 3166-1", ("country", "countrycode")),
    "session_id": Field("session", ("sessionid", "session")),
    "profile_id": Field("person within an account", ("profileid",)),
}
"""Fields of a history."""

CATALOG: Final[dict[str, Field]] = {
    "title_id": Field(
        "id of the title, as in the history",
        (
            *_TITLE_IDS,
            "id",
            "item",
            "asset",
        ),
        required=True,
    ),
    "name": Field(
        "name for people", ("name", "title", "movietitle", "titlename", "displayname", "originaltitle")
    ),
    "kind": Field("film, series or episode", ("kind", "type", "titletype", "contenttype")),
    "series_id": Field("title id of the series of an episode", ("seriesid", "parentid")),
    "season": Field("number of an episode's season", ("season", "seasonnumber")),
    "episode": Field("number of an episode in its season", ("episode", "episodenumber")),
    "genre": Field("genres: a list", ("genres", "genre", "listedin", "categories", "class")),
    "mood": Field("moods: a list", ("moods", "mood")),
    "theme": Field("themes: a list", ("themes", "theme", "keywords", "tags")),
    "cast": Field("actors: a list", ("cast", "actors", "starring", "leadcast", "maincast")),
    "director": Field("directors: a list", ("director", "directors", "creators")),
    "original_language": Field("original language, BCP 47", ("originallanguage",)),
    "languages": Field("languages of the sound: a list", ("languages", "language", "audiolanguages")),
    "subtitles": Field("languages of the subtitles: a list", ("subtitles", "subtitlelanguages")),
    "duration_s": Field(
        "length, in duration_unit or h:mm:ss",
        _LENGTHS,
    ),
    "release": Field(
        "release: a year, or a date as ISO 8601 or 31.12.2026",
        (
            "release",
            "releasedate",
            "released",
            "releaseyear",
            "year",
            "startyear",
            "premieredate",
            "premiere",
        ),
    ),
    "maturity": Field(
        "minimum age: 0 to 18, or a word of the table `maturity`",
        (
            "maturity",
            "agerating",
            "minage",
            "age",
            "certificate",
            "contentrating",
            "maturityrating",
            "mpaa",
            "parentalrating",
            "ageclassification",
        ),
    ),
    "countries": Field("where it may be shown: a list", ("countries", "availablecountries", "territories")),
    "available_from": Field(
        "start of the licence: ISO 8601", ("availablefrom", "licensestart", "windowstart")
    ),
    "available_until": Field("end of the licence: ISO 8601", ("availableuntil", "licenseend", "windowend")),
    "artwork": Field(
        "address of the picture", ("artwork", "poster", "posterurl", "image", "imageurl", "cover")
    ),
}
"""Fields of a catalog."""

FIELDS: Final[dict[str, dict[str, Field]]] = {"history": HISTORY, "catalog": CATALOG}

OPTIONS: Final[dict[str, tuple[str, tuple[object, ...]]]] = {
    "time_unit": ("unit of time", ("s", "ms", "us", "ns", "iso")),
    "rating_scale": ("the best rating", (5, 10, 100)),
    "watched_unit": ("unit of watched_s", ("s", "min", "ms")),
    "duration_unit": ("unit of duration_s", ("s", "min", "ms")),
    "progress_scale": ("progress of a title that was watched to its end", (1, 100)),
    "list_separator": ("between the items of lists: one or more characters", ("|", ",", ";", "/", " ")),
    "slashes": ("what comes first in dates with slashes", ("day", "month")),
}
"""Options: meaning, and the values that are guessed; scales may be any number above 0."""
