"""What Nova has shown of a failed host's instances, as an immutable value."""

import dataclasses
from collections.abc import Iterable, Mapping

from masakari_lite.models import Instance, Migration


@dataclasses.dataclass(frozen=True)
class HostSnapshot:
    """The instances of a host and their evacuation records; replaced whole by each poll that was answered.

    :ivar generation: grows with each poll of the evacuation records
    :ivar evacuations: the newest evacuation record away from the host, by instance uuid
    :ivar instances: by uuid; None stands for one that was deleted
    """

    generation: int = 0
    evacuations: Mapping[str, Migration] = dataclasses.field(default_factory=dict)
    instances: Mapping[str, Instance | None] = dataclasses.field(default_factory=dict)

    def with_next_generation(self) -> "HostSnapshot":
        """Start a generation."""
        return dataclasses.replace(self, generation=self.generation + 1)

    def with_evacuations(self, records: Iterable[Migration]) -> "HostSnapshot":
        """Add evacuation records; of each instance the newest counts."""
        evacuations = dict(self.evacuations)
        for record in records:
            known = evacuations.get(record.instance_uuid)
            if known is None or known.id <= record.id:
                evacuations[record.instance_uuid] = record
        return dataclasses.replace(self, evacuations=evacuations)

    def with_instances(self, instances: Mapping[str, Instance | None]) -> "HostSnapshot":
        """Add instances by uuid; None stands for one that was deleted."""
        return dataclasses.replace(self, instances={**self.instances, **instances})
