/* Values and gradients by hand of steps in time: heat in three dimensions, two fields, bodies; and of an iteration. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef const double *restrict input;
typedef double *restrict output;
#define KERNEL(name) double name(const double *const *in, double *const *out, const long *n)
#define EACH(i, count) for (long i = 0; i < (count); i++)
#define INSIDE(i, count) for (long i = 1; i < (count) - 1; i++)
#define PART 64 /* elements that are worked on at once: they stay in the cache */

/* What is inside takes a quarter of itself and an eighth of each neighbour; the same matrix leads back. */
static void spread(input a, output b, long size)
{
    long plane = size * size;
    INSIDE(i, size) INSIDE(j, size) {
        input at = a + i * plane + j * size;
        output to = b + i * plane + j * size;
        INSIDE(k, size) to[k] = 0.25 * at[k] + 0.125 * (at[k - plane] + at[k + plane] + at[k - size] + at[k + size] + at[k - 1] + at[k + 1]);
    }
}

KERNEL(heat_3d)
{
    long size = n[0], steps = n[1], plane = size * size, all = size * plane, last = size - 1;
    double *a = malloc(2 * all * 8), *b = a + all, *room = a, *g = out[0], sum = 0;
    memcpy(a, in[0], all * 8);
    memcpy(b, in[0], all * 8);
    EACH(t, steps) {
        spread(a, b, size);
        double *other = a;
        a = b, b = other;
    }
    EACH(i, all) {
        sum += a[i] * a[i];
        g[i] = 2 * a[i];
    }
    memset(room, 0, 2 * all * 8);
    INSIDE(i, size) INSIDE(j, size) memcpy(a + i * plane + j * size + 1, g + i * plane + j * size + 1, (size - 2) * 8);
    EACH(t, steps) { /* the border keeps its value, and what flows into it is added up */
        INSIDE(i, size) INSIDE(j, size) {
            long to = i * size + j;
            g[to] += 0.125 * a[plane + to];
            g[last * plane + to] += 0.125 * a[(last - 1) * plane + to];
            g[i * plane + j] += 0.125 * a[i * plane + size + j];
            g[i * plane + last * size + j] += 0.125 * a[i * plane + (last - 1) * size + j];
            g[i * plane + j * size] += 0.125 * a[i * plane + j * size + 1];
            g[i * plane + j * size + last] += 0.125 * a[i * plane + j * size + last - 1];
        }
        spread(a, b, size);
        double *other = a;
        a = b, b = other;
    }
    INSIDE(i, size) INSIDE(j, size) memcpy(g + i * plane + j * size + 1, a + i * plane + j * size + 1, (size - 2) * 8);
    free(room);
    return sum;
}

KERNEL(fdtd_2d)
{
    long rows = n[0], w = n[1], steps = n[2], all = rows * w;
    double *ex = malloc(3 * all * 8), *ey = ex + all, *hz = ey + all, *gx = out[0], *gy = out[1], *gh = out[2], sum = 0;
    memcpy(ex, in[0], all * 8);
    memcpy(ey, in[1], all * 8);
    memcpy(hz, in[2], all * 8);
    EACH(t, steps) {
        EACH(i, rows) {
            output x = ex + i * w, y = ey + i * w;
            input h = hz + i * w;
            if (i == 0) EACH(j, w) y[j] = in[3][t];
            else EACH(j, w) y[j] -= 0.5 * (h[j] - h[j - w]);
            for (long j = 1; j < w; j++) x[j] -= 0.5 * (h[j] - h[j - 1]);
        }
        EACH(i, rows - 1) {
            input x = ex + i * w, y = ey + i * w;
            output h = hz + i * w;
            EACH(j, w - 1) h[j] -= 0.7 * (x[j + 1] - x[j] + y[j + w] - y[j]);
        }
    }
    memset(gx, 0, all * 8);
    memset(gy, 0, all * 8);
    EACH(i, all) {
        sum += hz[i] * hz[i];
        gh[i] = 2 * hz[i];
    }
    for (long t = steps - 1; t >= 0; t--) {
        double carried = 0;
        EACH(i, rows) {
            output x = gx + i * w, y = gy + i * w;
            input h = gh + i * w;
            if (i < rows - 1) {
                x[0] += 0.7 * h[0];
                for (long j = 1; j < w - 1; j++) x[j] += 0.7 * (h[j] - h[j - 1]);
                x[w - 1] -= 0.7 * h[w - 2];
                EACH(j, w - 1) y[j] += 0.7 * h[j];
            }
            if (i) EACH(j, w - 1) y[j] -= 0.7 * h[j - w];
        }
        EACH(i, rows) {
            input x = gx + i * w, y = gy + i * w;
            output h = gh + i * w;
            if (i) EACH(j, w) h[j] -= 0.5 * y[j];
            if (i < rows - 1) EACH(j, w) h[j] += 0.5 * y[j + w];
            h[0] += 0.5 * x[1];
            for (long j = 1; j < w - 1; j++) h[j] += 0.5 * (x[j + 1] - x[j]);
            h[w - 1] -= 0.5 * x[w - 1];
        }
        EACH(j, w) carried += gy[j];
        memset(gy, 0, w * 8);
        out[3][t] = carried;
    }
    free(ex);
    return sum;
}

/* The three coordinates of all bodies stand one after the other. */
static void pull(long count, input p, input mass, output to)
{
    input x = p, y = p + count, z = y + count;
    EACH(i, count) {
        double a = 0, b = 0, c = 0;
        EACH(j, count) {
            double dx = x[j] - x[i], dy = y[j] - y[i], dz = z[j] - z[i], s = dx * dx + dy * dy + dz * dz + 0.01;
            double w = mass[j] / (s * sqrt(s));
            a += w * dx, b += w * dy, c += w * dz;
        }
        to[i] = a, to[count + i] = b, to[2 * count + i] = c;
    }
}

static void pull_back(long count, input p, input mass, input g, output gp, output gm)
{
    input x = p, y = p + count, z = y + count, gx = g, gy = g + count, gz = gy + count;
    EACH(i, count) {
        double a = 0, b = 0, c = 0, m = 0;
        EACH(j, count) {
            double dx = x[j] - x[i], dy = y[j] - y[i], dz = z[j] - z[i], s = dx * dx + dy * dy + dz * dz + 0.01;
            double w = 1 / (s * sqrt(s)), e = mass[j], f = mass[i];
            double hx = e * gx[i] - f * gx[j], hy = e * gy[i] - f * gy[j], hz = e * gz[i] - f * gz[j];
            double along = -3 * w / s * (hx * dx + hy * dy + hz * dz);
            a += w * hx + along * dx, b += w * hy + along * dy, c += w * hz + along * dz;
            m += w * (gx[j] * dx + gy[j] * dy + gz[j] * dz);
        }
        gp[i] -= a, gp[count + i] -= b, gp[2 * count + i] -= c;
        gm[i] -= m;
    }
}

KERNEL(nbody)
{
    long count = n[0], steps = n[1], all = 3 * count;
    input mass = in[2];
    double *places = malloc((steps + 1) * all * 8), p[all], v[all], a[all], gp[all], gv[all], ga[all], sum = 0;
    EACH(i, count) EACH(k, 3) {
        p[k * count + i] = in[0][3 * i + k];
        v[k * count + i] = in[1][3 * i + k];
    }
    memcpy(places, p, all * 8);
    pull(count, p, mass, a);
    EACH(t, steps) {
        EACH(i, all) {
            v[i] += 0.025 * a[i];
            p[i] += 0.05 * v[i];
        }
        memcpy(places + (t + 1) * all, p, all * 8);
        pull(count, p, mass, a);
        EACH(i, all) v[i] += 0.025 * a[i];
    }
    EACH(i, count) {
        double square = v[i] * v[i] + v[count + i] * v[count + i] + v[2 * count + i] * v[2 * count + i];
        sum += mass[i] * square / 2;
        out[2][i] = square / 2;
        EACH(k, 3) gv[k * count + i] = mass[i] * v[k * count + i];
    }
    memset(gp, 0, sizeof gp);
    memset(ga, 0, sizeof ga);
    for (long t = steps; t > 0; t--) {
        EACH(i, all) ga[i] += 0.025 * gv[i];
        pull_back(count, places + t * all, mass, ga, gp, out[2]);
        EACH(i, all) {
            gv[i] += 0.05 * gp[i];
            ga[i] = 0.025 * gv[i];
        }
    }
    pull_back(count, places, mass, ga, gp, out[2]);
    EACH(i, count) EACH(k, 3) {
        out[0][3 * i + k] = gp[k * count + i];
        out[1][3 * i + k] = gv[k * count + i];
    }
    free(places);
    return sum;
}

KERNEL(mandelbrot)
{
    long all = n[0] * n[0], turns = n[1];
    double (*x)[PART] = malloc((3 * turns + 3) * PART * 8), (*y)[PART] = x + turns + 1, (*e)[PART] = y + turns + 1, sum = 0;
    for (long at = 0; at < all; at += PART) {
        long m = all - at < PART ? all - at : PART;
        double a[PART] = {0}, b[PART] = {0}, gx[PART] = {0}, gy[PART] = {0}, ga[PART] = {0}, gb[PART] = {0};
        memcpy(a, in[0] + at, m * 8);
        memcpy(b, in[1] + at, m * 8);
        memset(x[0], 0, sizeof x[0]);
        memset(y[0], 0, sizeof y[0]);
        EACH(t, turns) {
            EACH(i, PART) {
                double u = x[t][i], v = y[t][i], inside = u * u + v * v < 4;
                double p = inside ? u * u - v * v + a[i] : u, q = inside ? 2 * u * v + b[i] : v;
                x[t + 1][i] = p, y[t + 1][i] = q;
                e[t][i] = exp(-(p * p + q * q));
            }
            EACH(i, m) sum += e[t][i];
        }
        for (long t = turns - 1; t >= 0; t--) EACH(i, PART) {
            double u = x[t][i], v = y[t][i], inside = u * u + v * v < 4;
            double p = gx[i] - 2 * x[t + 1][i] * e[t][i], q = gy[i] - 2 * y[t + 1][i] * e[t][i];
            ga[i] += inside ? p : 0, gb[i] += inside ? q : 0;
            gx[i] = inside ? 2 * (u * p + v * q) : p;
            gy[i] = inside ? 2 * (u * q - v * p) : q;
        }
        memcpy(out[0] + at, ga, m * 8);
        memcpy(out[1] + at, gb, m * 8);
    }
    free(x);
    return sum;
}
