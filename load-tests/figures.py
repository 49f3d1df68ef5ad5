"""How a figure is printed: one line for programs, one row for people."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`ratio` is ours divided by the reference: above 1 is better, or worse where the unit is a time."""

    name: str
    ours: float
    reference: float
    unit: str
    remark: str

    @property
    def ratio(self) -> float:
        return self.ours / self.reference

    @property
    def line(self) -> str:
        return f"bench {self.name} ours={self.ours:.0f} reference={self.reference:.0f} ratio={self.ratio:.2f} unit={self.unit}"


def table(figures: list[Figure]) -> str:
    width = max(len(figure.name) for figure in figures)
    return "\n".join(
        f"{figure.name:{width}}  {figure.ours:>9,.0f} {figure.unit:12} {figure.ratio:5.2f} x {figure.remark}"
        for figure in figures
    )
