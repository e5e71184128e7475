// Geometry of the editor, in shares of the picture (y down). The same rules as geometry.py, which has the last word.

const LEAST_LENGTH = 0.005;
const LEAST_AREA = 1e-4;

const share = (value) => Math.round(Math.min(1, Math.max(0, value)) * 1e4) / 1e4;
const rounded = (points) => points.map(([x, y]) => [share(x), share(y)]);

const turn = (a, b, c) => {
  const value = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
  return Math.abs(value) < 1e-12 ? 0 : value;
};

const within = (a, b, c) =>
  Math.min(a[0], b[0]) <= c[0] && c[0] <= Math.max(a[0], b[0]) && Math.min(a[1], b[1]) <= c[1] && c[1] <= Math.max(a[1], b[1]);

function meet(a, b, c, d) {
  const [one, two, three, four] = [turn(a, b, c), turn(a, b, d), turn(c, d, a), turn(c, d, b)];
  if (one * two < 0 && three * four < 0) return true;
  return (
    (one === 0 && within(a, b, c)) || (two === 0 && within(a, b, d)) || (three === 0 && within(c, d, a)) || (four === 0 && within(c, d, b))
  );
}

function foldsBack(a, b, c) {
  return turn(a, b, c) === 0 && (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1]) < 0;
}

/** Whether a chain of corners crosses itself; `closed` counts the side from the last corner to the first too. */
function crossesItself(corners, closed = true) {
  const count = corners.length;
  const sides = closed ? count : count - 1;
  const at = (k) => corners[k % count];
  for (let i = 0; i < sides; i += 1) {
    if ((closed || i + 2 < count) && count > 2 && foldsBack(at(i), at(i + 1), at(i + 2))) return true;
    for (let j = i + 2; j < sides; j += 1) {
      const neighbours = closed && i === 0 && j === sides - 1;
      if (!neighbours && meet(at(i), at(i + 1), at(j), at(j + 1))) return true;
    }
  }
  return false;
}

function area(corners) {
  return Math.abs(corners.reduce((sum, one, k) => sum + corners.at(k - 1)[0] * one[1] - one[0] * corners.at(k - 1)[1], 0)) / 2;
}

/** The key of the word that says what is wrong with a shape's points, null for nothing. */
function faultOf(form, points) {
  if (points.some((point) => point.some((value) => !(value >= 0 && value <= 1)))) return "outside";
  if (form === "point") return null;
  if (form === "line") return Math.hypot(points[1][0] - points[0][0], points[1][1] - points[0][1]) < LEAST_LENGTH ? "no_length" : null;
  if (points.length < 3) return "few_corners";
  if (crossesItself(points)) return "crossing";
  return area(points) < LEAST_AREA ? "no_area" : null;
}

/** Points moved together by (dx, dy), as far as the picture allows. */
function moved(points, dx, dy) {
  const [xs, ys] = [points.map((p) => p[0]), points.map((p) => p[1])];
  const keep = (by, all) => Math.min(Math.max(by, -Math.min(...all)), 1 - Math.max(...all));
  const [right, down] = [keep(dx, xs), keep(dy, ys)];
  return rounded(points.map(([x, y]) => [x + right, y + down]));
}

/** The four corners of an upright box, clockwise from the top left. */
function boxOf(a, b) {
  const [x0, x1] = [Math.min(a[0], b[0]), Math.max(a[0], b[0])];
  const [y0, y1] = [Math.min(a[1], b[1]), Math.max(a[1], b[1])];
  return rounded([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]);
}

/** A shape's points with point `k` put to a place; a box stays upright. */
function reshaped(form, points, k, place) {
  if (form === "box") return boxOf(points[(k + 2) % 4], place);
  return rounded(points.map((point, n) => (n === k ? place : point)));
}

const middle = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];

/** The point nearest to the mean of the corners at which a label reads well. */
function heart(points) {
  const sum = points.reduce(([x, y], point) => [x + point[0], y + point[1]], [0, 0]);
  return [sum[0] / points.length, sum[1] / points.length];
}

/** A new shape for those who do not draw by pointer: in the middle, a little aside for each one that is there already. */
function standardPoints(form, count) {
  const aside = (count % 8) * 0.04;
  if (form === "line") return rounded([[0.25, 0.4 + aside], [0.75, 0.4 + aside]]);
  if (form === "point") return rounded([[0.35 + aside, 0.5]]);
  return boxOf([0.3 + aside, 0.3 + aside], form === "box" ? [0.45 + aside, 0.5 + aside] : [0.6 + aside, 0.6 + aside]);
}
