"""How an audit gets its tables, for any recommender: files of several layouts, or tables where they lie.

``load`` reads them all; each ``read_…`` reads one. Every place is a path, a URL, ``format:path``, a ``Source`` (which
also names columns), a frame, or an Ibis table. Files and frames need nothing but Arrow; engines need the extra
``tables``, Spark ``spark``.
"""

from audits.sources.attention_tables import read_attention
from audits.sources.formats import FORMATS
from audits.sources.groups import read_groups
from audits.sources.labels import read_items
from audits.sources.lists import read_recommendations
from audits.sources.loading import load
from audits.sources.pairs import count_popularity, read_history, read_popularity, read_relevance
from audits.sources.scores import read_scores
from audits.sources.source import Source

__all__ = [
    "FORMATS",
    "Source",
    "count_popularity",
    "load",
    "read_attention",
    "read_groups",
    "read_history",
    "read_items",
    "read_popularity",
    "read_recommendations",
    "read_relevance",
    "read_scores",
]
