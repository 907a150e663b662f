"""JSON Merge Patch (RFC 7396) for free-form objects inside a resource.

For the fields of a body Pydantic does the same by itself: what was absent is not in
`model_fields_set`, and null is a value. This is for the objects within, such as preferences.
"""

from collections.abc import Mapping

from pydantic import JsonValue


def merge_patch(target: JsonValue, patch: JsonValue) -> JsonValue:
    """Apply a patch: null removes a member, objects merge, everything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged
