"""Names of classes for files that do not carry them: COCO's."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping

_COCO = (
    "1 person,2 bicycle,3 car,4 motorcycle,5 airplane,6 bus,7 train,8 truck,9 boat,"
    "10 traffic light,11 fire hydrant,13 stop sign,14 parking meter,15 bench,16 bird,17 cat,"
    "18 dog,19 horse,20 sheep,21 cow,22 elephant,23 bear,24 zebra,25 giraffe,27 backpack,"
    "28 umbrella,31 handbag,32 tie,33 suitcase,34 frisbee,35 skis,36 snowboard,37 sports ball,"
    "38 kite,39 baseball bat,40 baseball glove,41 skateboard,42 surfboard,43 tennis racket,"
    "44 bottle,46 wine glass,47 cup,48 fork,49 knife,50 spoon,51 bowl,52 banana,53 apple,"
    "54 sandwich,55 orange,56 broccoli,57 carrot,58 hot dog,59 pizza,60 donut,61 cake,62 chair,"
    "63 couch,64 potted plant,65 bed,67 dining table,70 toilet,72 tv,73 laptop,74 mouse,"
    "75 remote,76 keyboard,77 cell phone,78 microwave,79 oven,80 toaster,81 sink,82 refrigerator,"
    "84 book,85 clock,86 vase,87 scissors,88 teddy bear,89 hair drier,90 toothbrush"
)
BY_CATEGORY: Mapping[int, str] = {
    int(number): name for number, name in (entry.split(" ", 1) for entry in _COCO.split(","))
}
BY_PLACE: Mapping[int, str] = dict(enumerate(BY_CATEGORY.values()))


def class_names(count: int, said: str | None = None) -> dict[int, str]:
    """Names of the classes 0 to `count` - 1.

    Args:
        count: How many numbers the network gives scores for.
        said: What the file says: a dictionary or list as Python or json text; None where it is silent. Then
            80 are COCO's objects in their order, 90 to 92 COCO's numbers of categories, which leave some out.

    Example:
        >>> class_names(80)[2], class_names(91)[3], class_names(2)
        ('car', 'car', {0: 'class 0', 1: 'class 1'})
        >>> class_names(2, "{0: 'cone', 1: 'post'}")
        {0: 'cone', 1: 'post'}
    """
    coco = BY_PLACE if count == 80 else BY_CATEGORY if 90 <= count <= 92 else {}
    known = said_names(said) or coco
    return {number: known.get(number, f"class {number}") for number in range(count)}


def said_names(said: str | None) -> dict[int, str]:
    """Names that metadata says, empty where it says none.

    Example:
        >>> said_names('["cone", "post"]'), said_names("many")
        ({0: 'cone', 1: 'post'}, {})
    """
    if not said:
        return {}
    for read in (ast.literal_eval, json.loads):
        try:
            content = read(said)
        except (ValueError, SyntaxError):
            continue
        pairs = content.items() if isinstance(content, dict) else enumerate(content)
        try:
            return {int(number): str(name) for number, name in pairs}
        except (TypeError, ValueError):
            return {}
    return {}
