"""A file of documents into a file of objects: read (documents), kept (ledger), carried out (job)."""

from ctrldiff.extract.job import Decoder, Summary, carry_out, extract_file
from ctrldiff.extract.places import Places

__all__ = ["Decoder", "Places", "Summary", "carry_out", "extract_file"]
