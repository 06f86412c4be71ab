"""The five document kinds, each on its own page of phrasings."""

from examples.train_tiny.kind_bio import BIO
from examples.train_tiny.kind_contact import CONTACT
from examples.train_tiny.kind_event import EVENT
from examples.train_tiny.kind_invoice import INVOICE
from examples.train_tiny.kind_order import ORDER

KINDS = (INVOICE, ORDER, CONTACT, EVENT, BIO)
