"""Documents into rows: found (inputs), read (documents), decoded (decoder), kept (ledger), written (outputs)."""

from ctrldiff.extract.found import Reading
from ctrldiff.extract.job import Options, Progress, Summary, carry_out, export, extract_file
from ctrldiff.extract.ledger import Shard, read_ledgers
from ctrldiff.extract.places import Places

__all__ = [
    "Options",
    "Places",
    "Progress",
    "Reading",
    "Shard",
    "Summary",
    "carry_out",
    "export",
    "extract_file",
    "read_ledgers",
]
