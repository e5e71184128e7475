"""All resources of the API, in the order of its document."""

from storeloom.core.control.api.access import access
from storeloom.core.control.api.agents import agents
from storeloom.core.control.api.alerts import alerts
from storeloom.core.control.api.audit_log import audit_log
from storeloom.core.control.api.catalogue import catalogue
from storeloom.core.control.api.designs import designs
from storeloom.core.control.api.devices import devices
from storeloom.core.control.api.events import events
from storeloom.core.control.api.files import files
from storeloom.core.control.api.packages import packages
from storeloom.core.control.api.pilots import pilots
from storeloom.core.control.api.plans import plans
from storeloom.core.control.api.quotes import quotes
from storeloom.core.control.api.releases import releases
from storeloom.core.control.api.reports import reports
from storeloom.core.control.api.rollouts import rollouts
from storeloom.core.control.api.secrets import secrets
from storeloom.core.control.api.stores import stores
from storeloom.core.control.api.tuf import tuf
from storeloom.core.control.api.users import users

RESOURCES = (
    access,
    users,
    catalogue,
    stores,
    designs,
    secrets,
    releases,
    plans,
    quotes,
    agents,
    rollouts,
    tuf,
    packages,
    events,
    reports,
    pilots,
    alerts,
    devices,
    files,
    audit_log,
)
