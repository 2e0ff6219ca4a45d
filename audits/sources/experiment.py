"""The log of an experiment in a CSV file."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from audits.experiments.outcomes import Outcomes, outcomes_from
from audits.sources.columns import Wanted
from audits.sources.csv_files import read_csv
from audits.sources.formats import source_at
from audits.sources.rows import names, numbers, optional_names, untold
from audits.sources.source import Place

LOG = Wanted(what="an experiment", required=("subject", "arm"), optional=("group",), wide=True)


def read_experiment(place: Place) -> tuple[Outcomes, NDArray[np.int64]]:
    """Outcomes by subject, and the subjects in the order of their first rows, (n,): positions in the outcomes.

    The columns ``subject`` and ``arm`` (control or treatment), ``group`` where subjects are divided, and every other
    column a number.

    Raises:
        UnknownSource: nothing is there.
        MalformedSource: what is there breaks its layout; says where.
        InvalidTable: it is no experiment, as ``outcomes_from`` says.
    """
    rows = read_csv(source_at(place), LOG, untold)
    subjects = names(rows, "subject")
    columns = {"subject": subjects, "arm": names(rows, "arm")}
    if rows.has("group"):
        columns["group"] = optional_names(rows, "group")
    columns |= {name: numbers(rows, name) for name in rows.table.column_names if name not in columns}
    found = outcomes_from(pa.table(columns))
    arrived = pc.unique(subjects)
    # Outcomes are sorted by subject, so a subject's rank is its position there.
    return found, np.asarray(pc.rank(arrived, sort_keys="ascending"), dtype=np.int64) - 1
