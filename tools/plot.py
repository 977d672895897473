"""A plot of curves as SVG, with both axes logarithmic: what grows is a slope, what does not is flat."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 400, 70, 190, 40, 50
COLOURS = ['#1b6ca8', '#c8553d', '#588157', '#7b2d8b', '#b8860b', '#444444']


def decades(values):
    """=> the powers of ten around values, as exponents"""
    return math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))


def short(exponent):
    """=> a power of ten, as people write it"""
    return {0: '1', 1: '10', 2: '100', 3: '1 k', 4: '10 k', 5: '100 k', 6: '1 M', 7: '10 M'}.get(exponent, f'1e{exponent}')


def plot(title, across, up, curves):
    """Draw CURVES, a dict of names and lists of (x, y). ACROSS and UP name the axes.
    => SVG"""
    points = [point for curve in curves.values() for point in curve]
    x0, x1 = decades([x for x, _ in points])
    y0, y1 = decades([y for _, y in points])

    def at(x, y):
        return (LEFT + (math.log10(x) - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM - (math.log10(y) - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM))
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
           'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>']
    for e in range(x0, x1 + 1):
        x, bottom = at(10 ** e, 10 ** y0)
        out.append(f'<path d="M{x:.1f} {TOP}V{bottom:.1f}" stroke="#ddd"/>'
                   f'<text x="{x:.1f}" y="{bottom + 16:.1f}" text-anchor="middle">{short(e)}</text>')
    for e in range(y0, y1 + 1):
        left, y = at(10 ** x0, 10 ** e)
        out.append(f'<path d="M{left:.1f} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
                   f'<text x="{left - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{short(e)}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(across)}</text>')
    out.append(f'<text transform="translate(18 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(up)}</text>')
    for i, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[i % len(COLOURS)]
        path = ' '.join(f'{"L" if n else "M"}{at(*point)[0]:.1f} {at(*point)[1]:.1f}' for n, point in enumerate(curve))
        out.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{at(*point)[0]:.1f}" cy="{at(*point)[1]:.1f}" r="3" fill="{colour}"/>' for point in curve]
        out.append(f'<text x="{WIDTH - RIGHT + 12}" y="{TOP + 14 + i * 20}" fill="{colour}">{escape(name)}</text>')
    return '\n'.join(out + ['</svg>', ''])
