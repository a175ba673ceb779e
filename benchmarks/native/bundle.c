/* The Jacobian of bundle adjustment, written by hand: 30 numbers for the errors of each observation, one for its weight. */
#include <math.h>

enum { CAMERA = 11, BLOCK = 30 };

/* in: cameras, points, weights, the camera and the point of each observation, what was seen; out: the entries by rows. */
double bundle(const void *const *in, double *const *out, const long *n)
{
    const double *cameras = in[0], *points = in[1], *weights = in[2], *seen = in[5];
    const long *at = in[3], *of = in[4], count = n[0];
    double *restrict entries = out[0];
    for (long o = 0; o < count; o++) {
        const double *c = cameras + CAMERA * at[o], *x = points + 3 * of[o];
        const double p[3] = {x[0] - c[3], x[1] - c[4], x[2] - c[5]};
        double squared = c[0] * c[0] + c[1] * c[1] + c[2] * c[2], inverse = 1 / sqrt(squared), angle = squared * inverse;
        double cosine = cos(angle), sine = sin(angle), rest = 1 - cosine;
        const double a[3] = {c[0] * inverse, c[1] * inverse, c[2] * inverse};
        double along = a[0] * p[0] + a[1] * p[1] + a[2] * p[2];
        const double r[3] = {a[1] * p[2] - a[2] * p[1], a[2] * p[0] - a[0] * p[2], a[0] * p[1] - a[1] * p[0]};
        const double across[3][3] = {{0, -a[2], a[1]}, {a[2], 0, -a[0]}, {-a[1], a[0], 0}};
        const double moved[3][3] = {{0, -p[2], p[1]}, {p[2], 0, -p[0]}, {-p[1], p[0], 0}};
        double y[3], turn[3][3], slope[3][3]; /* the turned point, and its derivatives: the rotation, by its vector */
        for (int i = 0; i < 3; i++) {
            double by_angle = -p[i] * sine + r[i] * cosine + a[i] * along * sine, by_axis[3], sum = 0;
            y[i] = p[i] * cosine + r[i] * sine + a[i] * along * rest;
            for (int j = 0; j < 3; j++) {
                turn[i][j] = (i == j ? cosine : 0) + sine * across[i][j] + rest * a[i] * a[j];
                by_axis[j] = -sine * moved[i][j] + rest * ((i == j ? along : 0) + a[i] * p[j]);
                sum += by_axis[j] * a[j];
            }
            for (int j = 0; j < 3; j++)
                slope[i][j] = by_angle * a[j] + (by_axis[j] - sum * a[j]) * inverse;
        }
        double depth = 1 / y[2], u[2] = {y[0] * depth, y[1] * depth}, square = u[0] * u[0] + u[1] * u[1];
        double scale = 1 + square * (c[9] + square * c[10]), bend = 2 * (c[9] + 2 * c[10] * square);
        double weight = weights[o], factor = weight * c[6];
        for (int e = 0; e < 2; e++) {
            double *to = entries + BLOCK * o + 15 * e;
            double b0 = factor * (bend * u[e] * u[0] + (e ? 0 : scale)), b1 = factor * (bend * u[e] * u[1] + (e ? scale : 0));
            double b[3] = {b0 * depth, b1 * depth, -(b0 * u[0] + b1 * u[1]) * depth};
            for (int j = 0; j < 3; j++) {
                to[j] = b[0] * slope[0][j] + b[1] * slope[1][j] + b[2] * slope[2][j];
                to[11 + j] = b[0] * turn[0][j] + b[1] * turn[1][j] + b[2] * turn[2][j];
                to[3 + j] = -to[11 + j];
            }
            to[6] = weight * scale * u[e];
            to[7] = e ? 0 : weight;
            to[8] = e ? weight : 0;
            to[9] = factor * square * u[e];
            to[10] = square * to[9];
            to[14] = c[6] * scale * u[e] + c[7 + e] - seen[2 * o + e];
        }
        entries[BLOCK * count + o] = -2 * weights[o];
    }
    return 0;
}
