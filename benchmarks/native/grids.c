/* Values and gradients on grids, written by hand: convolution, steps in time, and kernels of array programs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef const double *restrict input;
typedef double *restrict output;
#define KERNEL(name) double name(const double *const *in, double *const *out, const long *n)
#define EACH(i, count) for (long i = 0; i < (count); i++)

/* -- 3×3 convolution of 8 channels into 16, float32: the lanes are channels, ROW places of a row at once ------------- */

typedef float sixteen __attribute__((vector_size(64), aligned(4), may_alias));
typedef float eights __attribute__((vector_size(32), aligned(4), may_alias));
typedef int mask __attribute__((vector_size(64), aligned(4), may_alias));
enum { FROM = 8, TO = 16, ROW = 10 };
#define UNROLLED(i, count) _Pragma("GCC unroll 16") for (int i = 0; i < (count); i++)

KERNEL(convolution)
{
    long count = n[0], H = n[1], o = H - 2;
    const float *x = (const float *)in[0], *w = (const float *)in[1];
    float *gx = (float *)out[0], *gw = (float *)out[1], *gb = (float *)out[2];
    float *seen = aligned_alloc(64, (o * o * TO + H * H * FROM + 2 * FROM * 9 * TO) * 4), *back = seen + o * o * TO;
    float *lanes = back + H * H * FROM, *turned = lanes + FROM * 9 * TO, scale = 2.0f / (count * TO * o * o);
    sixteen bias = *(sixteen *)in[2], none = {0}, sums = {0}, taps[FROM * 9] = {{0}};
    double value = 0;
    EACH(f, TO) EACH(c, FROM) EACH(t, 9) {
        lanes[(c * 9 + t) * TO + f] = w[(f * FROM + c) * 9 + t];
        turned[(f * 9 + t) * FROM + c] = w[(f * FROM + c) * 9 + t];
    }
    EACH(image, count) {
        const float *here = x + image * FROM * H * H;
        sixteen square = none;
        EACH(i, o) for (long j = 0; j < o; j += ROW) {
            sixteen a[ROW], *to = (sixteen *)(seen + (i * o + j) * TO);
            UNROLLED(p, ROW) a[p] = bias;
            EACH(c, FROM) EACH(s, 3) {
                const float *row = here + (c * H + i + s) * H + j;
                UNROLLED(t, 3) {
                    sixteen weight = *(sixteen *)(lanes + (c * 9 + s * 3 + t) * TO);
                    UNROLLED(p, ROW) a[p] += row[p + t] * weight;
                }
            }
            UNROLLED(p, ROW) {
                to[p] = (sixteen)((mask)a[p] & (a[p] > none));
                square += to[p] * to[p];
                sums += to[p];
            }
        }
        EACH(f, TO) value += square[f];
        EACH(c, FROM) {
            sixteen g[9] = {{0}};
            EACH(i, o) EACH(j, o) {
                const float *at = here + (c * H + i) * H + j;
                sixteen y = *(sixteen *)(seen + (i * o + j) * TO);
                UNROLLED(s, 3) UNROLLED(t, 3) g[s * 3 + t] += at[s * H + t] * y;
            }
            UNROLLED(t, 9) taps[c * 9 + t] += g[t];
        }
        memset(back, 0, H * H * FROM * 4);
        EACH(i, o) EACH(s, 3) EACH(t, 3) for (long j = 0; j < o; j += ROW) {
            eights a[ROW], *to = (eights *)(back + ((i + s) * H + j + t) * FROM);
            const float *y = seen + (i * o + j) * TO;
            UNROLLED(p, ROW) a[p] = to[p];
            EACH(f, TO) {
                eights weight = *(eights *)(turned + (f * 9 + s * 3 + t) * FROM);
                UNROLLED(p, ROW) a[p] += y[p * TO + f] * weight;
            }
            UNROLLED(p, ROW) to[p] = a[p];
        }
        EACH(c, FROM) EACH(p, H * H) gx[(image * FROM + c) * H * H + p] = scale * back[p * FROM + c];
    }
    EACH(f, TO) {
        gb[f] = sums[f] * scale;
        EACH(t, FROM * 9) gw[f * FROM * 9 + t] = taps[t][f] * scale;
    }
    free(seen);
    return value * scale / 2;
}

KERNEL(heat)
{
    long size = n[0], steps = n[1];
    input k = in[1], goal = in[2];
    output g = out[0], gk = out[1];
    double *u = malloc(((steps + 2) * size) * 8), *q = u + (steps + 1) * size, sum = 0;
    memcpy(u, in[0], size * 8);
    for (double *a = u; a < u + steps * size; a += size) {
        output b = a + size;
        b[0] = a[0];
        b[size - 1] = a[size - 1];
        for (long i = 1; i < size - 1; i++) b[i] = a[i] + k[i - 1] * (a[i + 1] - 2 * a[i] + a[i - 1]);
    }
    EACH(i, size) {
        g[i] = u[steps * size + i] - goal[i];
        sum += g[i] * g[i];
    }
    memset(gk, 0, (size - 2) * 8);
    q[0] = q[size - 1] = 0;
    for (double *a = u + (steps - 1) * size; a >= u; a -= size) {
        for (long i = 1; i < size - 1; i++) {
            gk[i - 1] += g[i] * (a[i + 1] - 2 * a[i] + a[i - 1]);
            q[i] = g[i] * k[i - 1];
        }
        g[0] += q[1];
        g[size - 1] += q[size - 2];
        for (long i = 1; i < size - 1; i++) g[i] += q[i - 1] - 2 * q[i] + q[i + 1];
    }
    free(u);
    return sum / 2;
}

KERNEL(jacobi)
{
    long size = n[0], steps = n[1], all = size * size;
    double *a = malloc(2 * all * 8), *b = a + all, *g = out[0], *h = malloc(all * 8), sum = 0;
    memcpy(a, in[0], all * 8);
    memcpy(b, a, all * 8);
    EACH(t, steps) {
        for (long i = 1; i < size - 1; i++) {
            output to = b + i * size;
            input at = a + i * size;
            for (long j = 1; j < size - 1; j++) to[j] = 0.2 * (at[j] + at[j - 1] + at[j + 1] + at[j - size] + at[j + size]);
        }
        double *last = a;
        a = b, b = last;
    }
    EACH(i, all) {
        sum += a[i] * a[i];
        g[i] = 2 * a[i];
    }
    EACH(t, steps) { /* the border keeps its value, and what flows into it is added up */
        memset(h, 0, all * 8);
        EACH(i, size) h[i] = g[i], h[all - size + i] = g[all - size + i];
        EACH(i, size) h[i * size] = g[i * size], h[i * size + size - 1] = g[i * size + size - 1];
        for (long i = 1; i < size - 1; i++) {
            input from = g + i * size;
            double *to = h + i * size;
            for (long j = 1; j < size - 1; j++) to[j - size] += 0.2 * from[j];
            for (long j = 1; j < size - 1; j++) to[j + size] += 0.2 * from[j];
            for (long j = 1; j < size - 1; j++) to[j - 1] += 0.2 * from[j];
            for (long j = 1; j < size - 1; j++) to[j] += 0.2 * from[j];
            for (long j = 1; j < size - 1; j++) to[j + 1] += 0.2 * from[j];
        }
        memcpy(g, h, all * 8);
    }
    free(a < b ? a : b);
    free(h);
    return sum;
}

KERNEL(seidel)
{
    long size = n[0], steps = n[1];
    double *A = malloc(size * size * 8), *g = out[0], row[size], sum = 0;
    memcpy(A, in[0], size * size * 8);
    EACH(t, steps) for (long i = 1; i < size - 1; i++) {
        double *a = A + i * size, *p = a - size, *q = a + size, last = a[0];
        for (long j = 1; j < size - 1; j++) row[j] = a[j] + p[j - 1] + p[j] + p[j + 1] + a[j + 1] + q[j - 1] + q[j] + q[j + 1];
        for (long j = 1; j < size - 1; j++) a[j] = last = (row[j] + last) / 9;
    }
    EACH(i, size * size) {
        sum += A[i];
        g[i] = 1;
    }
    EACH(t, steps) for (long i = size - 2; i > 0; i--) {
        double *a = g + i * size, *p = a - size, *q = a + size, carried = 0;
        for (long j = size - 2; j > 0; j--) row[j] = carried = (a[j] + carried) / 9;
        a[0] += carried;
        row[0] = row[size - 1] = 0;
        for (long j = 1; j < size - 1; j++) a[j] = row[j] + row[j - 1];
        a[size - 1] += row[size - 2];
        for (int s = -1; s <= 1; s++) for (long j = 1; j < size - 1; j++) p[j + s] += row[j], q[j + s] += row[j];
    }
    free(A);
    return sum;
}

KERNEL(distance)
{
    enum { PART = 64 };
    input p0 = in[0], t0 = in[1], p1 = in[2], t1 = in[3];
    double c0[PART], c1[PART], sp[PART], cp[PART], st[PART], ct[PART], s0[PART], s1[PART], sum = 0;
    for (long at = 0; at < n[0]; at += PART) {
        long m = n[0] - at < PART ? n[0] - at : PART;
        EACH(i, m) c0[i] = cos(p0[at + i]);
        EACH(i, m) c1[i] = cos(p1[at + i]);
        EACH(i, m) cp[i] = cos((p1[at + i] - p0[at + i]) / 2);
        EACH(i, m) ct[i] = cos((t1[at + i] - t0[at + i]) / 2);
        __asm__ volatile("" ::: "memory");
        EACH(i, m) s0[i] = sin(p0[at + i]);
        EACH(i, m) s1[i] = sin(p1[at + i]);
        EACH(i, m) sp[i] = sin((p1[at + i] - p0[at + i]) / 2);
        EACH(i, m) st[i] = sin((t1[at + i] - t0[at + i]) / 2);
        EACH(i, m) {
            double q = sp[i] * sp[i] + c0[i] * c1[i] * st[i] * st[i], a = sqrt(q), b = sqrt(1 - q), g = 1 / (a * b);
            double p = sp[i] * cp[i], s = st[i] * st[i], t = c0[i] * c1[i] * st[i] * ct[i];
            sum += 2 * atan2(a, b);
            out[0][at + i] = g * (-p - s0[i] * c1[i] * s);
            out[1][at + i] = -g * t;
            out[2][at + i] = g * (p - c0[i] * s1[i] * s);
            out[3][at + i] = g * t;
        }
    }
    return sum;
}

KERNEL(diagonal)
{
    long size = n[0];
    input a = in[0];
    output g = out[0];
    double trace = 0, sum = 0;
    EACH(i, size) trace += tanh(a[i * size + i]);
    EACH(i, size * size) {
        double r = a[i] + trace;
        sum += r * r;
        g[i] = 2 * r;
    }
    double all = 0;
    EACH(i, size * size) all += g[i];
    EACH(i, size) {
        double t = tanh(a[i * size + i]);
        g[i * size + i] += all * (1 - t * t);
    }
    return sum;
}

KERNEL(normal)
{
    long rows = n[0], columns = n[1];
    input A = in[0], x = in[1];
    output gA = out[0], gx = out[1];
    double y[rows], z[columns], sum = 0;
    memset(z, 0, sizeof z);
    memset(gx, 0, sizeof z);
    EACH(i, rows) {
        y[i] = 0;
        EACH(j, columns) y[i] += A[i * columns + j] * x[j];
        EACH(j, columns) z[j] += A[i * columns + j] * y[i];
    }
    EACH(j, columns) {
        sum += z[j] * z[j];
        z[j] *= 2;
    }
    EACH(i, rows) {
        double g = 0;
        EACH(j, columns) g += A[i * columns + j] * z[j];
        EACH(j, columns) {
            gA[i * columns + j] = y[i] * z[j] + g * x[j];
            gx[j] += g * A[i * columns + j];
        }
    }
    return sum;
}
