"""All resources of the API, in the order of its document."""

from storeloom.core.control.api.stores import stores

RESOURCES = (stores,)
