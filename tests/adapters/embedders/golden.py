"""The golden vectors of MiniLM, kept in golden.json.

Made by `python -m tests.adapters.embedders.golden`. int8 arithmetic differs between kinds of
processor (with and without VNNI), so the file says which kind made it.
"""

import asyncio
import json
from pathlib import Path

from muniment.adapters.embedders.minilm import MiniLmSettings, create

GOLDEN = Path(__file__).with_name("golden.json")
TRAITS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8")
CPU_DESCRIPTION = Path("/proc/cpuinfo")
LONG = "The archive keeps deeds, maps and letters from four centuries of the town. "

TEXTS = (
    "Where are the deeds of the mill kept?",
    "mill",
    " ",
    "",
    "Payment is due within 30 days of the date of the invoice; later payment costs 9.5 % a year.",
    "A muniment room is a place where title deeds and other evidence of rights are stored.",
    "Die Urkunden liegen im Turm der alten Mühle, gleich neben der Brücke über die Straße.",
    "文書館には町の四百年分の証書と地図と手紙が保管されている。",
    "naïve café — “quoted” … 50 € ½ ﬁnal 👩🏽‍🚀 e\u0301tude \u200b\u00ad",
    "def total(rows):\n    return sum(row.amount for row in rows if row.paid)\n",
    LONG * 12,
    LONG * 60,
)


def processor_kind() -> list[str] | None:
    """List what the processor has of the instructions that change int8 results; None if unknown."""
    if not CPU_DESCRIPTION.exists():
        return None
    flags = CPU_DESCRIPTION.read_text(encoding="utf-8").split()
    return [trait for trait in TRAITS if trait in flags]


async def make() -> None:
    """Write the golden file anew."""
    embedder = create(MiniLmSettings())
    vectors = await embedder.embed(TEXTS)
    content = {
        "processor": processor_kind(),
        "revision": embedder.identity.revision,
        "vectors": [[round(float(value), 5) for value in vector] for vector in vectors],
    }
    GOLDEN.write_text(json.dumps(content).replace("], [", "],\n[") + "\n", encoding="utf-8")
    await embedder.close()


if __name__ == "__main__":
    asyncio.run(make())
