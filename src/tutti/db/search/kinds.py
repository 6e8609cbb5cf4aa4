"""What can be found, and how much of it is looked at."""

from typing import NamedTuple

from tutti.models import AlbumText, ArtistText, TrackText

CANDIDATES = 2000
"""How many matches are ranked, whatever the number that match."""
NAMED = 200
"""How many of them come from the list by name, where an exact name is never beyond the cap."""
SPELLINGS = 32
"""In how many words a typed word is spelled out."""
TRIGRAM = 3
"""What is shorter is not looked for in the middle of words."""


class Kind(NamedTuple):
    """One kind of thing that is found."""

    name: str
    text: type[TrackText | AlbumText | ArtistText]
    by_name: str
    """Where the rows of one library stand in the order of their names."""


TRACKS = Kind("track", TrackText, "track WHERE library_id = :library AND is_listed = true AND title_sort")
ALBUMS = Kind("album", AlbumText, "library_album WHERE library_id = :library AND sort_key")
ARTISTS = Kind("artist", ArtistText, "library_artist WHERE library_id = :library AND sort_key")
