"""The five document kinds, each on its own page of phrasings."""

from kind_bio import BIO
from kind_contact import CONTACT
from kind_event import EVENT
from kind_invoice import INVOICE
from kind_order import ORDER

KINDS = (INVOICE, ORDER, CONTACT, EVENT, BIO)
