"""A plot of ratios as SVG: a row for each bench, a mark for each peer, on a logarithmic scale."""

import math

COLOURS = {"tokio": "#b5542b", "asio": "#2b6cb5", "libuv": "#3b8f3b"}
ROW, LEFT, WIDTH, RIGHT, TOP = 18, 210, 520, 30, 56


def svg(rows: list) -> str:
    """`rows`: (label, {peer: ratio}); below 1 tau takes less than the peer."""
    rows = [(label, ratios) for label, ratios in rows if ratios]
    values = [ratio for _, ratios in rows for ratio in ratios.values()]
    low = math.floor(math.log10(min(values + [0.1])))
    high = math.ceil(math.log10(max(values + [1.0])))

    def x(ratio: float) -> float:
        return LEFT + WIDTH * (math.log10(ratio) - low) / (high - low)

    height = TOP + ROW * len(rows) + 20
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" height="{height}" '
             'font-family="sans-serif" font-size="11">',
             '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="{LEFT}" y="16" font-size="13">What tau takes for one that the peer takes (left is better)</text>']
    for exponent in range(low, high + 1):
        for step in (1, 2, 5):
            ratio = step * 10.0 ** exponent
            if ratio > 10.0 ** high:
                break
            strong = ratio == 1
            parts.append(f'<line x1="{x(ratio):.1f}" y1="{TOP - 6}" x2="{x(ratio):.1f}" y2="{height - 14}" '
                         f'stroke="{"black" if strong else "#ddd"}"/>')
            parts.append(f'<text x="{x(ratio):.1f}" y="{height - 3}" text-anchor="middle">{ratio:g}</text>')
    for number, (peer, colour) in enumerate(COLOURS.items()):
        left = LEFT + 90 * number
        parts.append(f'<circle cx="{left + 5}" cy="32" r="5" fill="{colour}"/><text x="{left + 14}" y="36">{peer}</text>')
    for number, (label, ratios) in enumerate(rows):
        y = TOP + ROW * number + 8
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{label}</text>')
        for peer, ratio in ratios.items():
            parts.append(f'<circle cx="{x(ratio):.1f}" cy="{y}" r="4.5" fill="{COLOURS[peer]}" fill-opacity="0.85">'
                         f'<title>{label}, {peer}: {ratio:.3f}</title></circle>')
    return "\n".join(parts + ["</svg>"]) + "\n"
