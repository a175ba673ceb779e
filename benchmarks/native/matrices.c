/* Values and gradients by hand of kernels on matrices: elimination, substitution, products, softmax, a table. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef const double *restrict input;
typedef double *restrict output;
#define KERNEL(name) double name(const double *const *in, double *const *out, const long *n)
#define EACH(i, count) for (long i = 0; i < (count); i++)
#define DOWN(i, count) for (long i = (count)-1; i >= 0; i--)

KERNEL(lu)
{
    long size = n[0];
    double *A = malloc(size * size * 8), *g = out[0], sum = 0;
    memcpy(A, in[0], size * size * 8);
    EACH(k, size) for (long i = k + 1; i < size; i++) {
        output row = A + i * size;
        input from = A + k * size;
        row[k] /= from[k];
        for (long j = k + 1; j < size; j++) row[j] -= row[k] * from[j];
    }
    EACH(i, size * size) {
        sum += A[i] * A[i];
        g[i] = 2 * A[i];
    }
    DOWN(k, size) for (long i = k + 1; i < size; i++) {
        output own = g + i * size, first = g + k * size;
        input from = A + k * size;
        double l = A[i * size + k], s = own[k];
        for (long j = k + 1; j < size; j++) {
            s -= own[j] * from[j];
            first[j] -= own[j] * l;
        }
        own[k] = s / from[k];
        first[k] -= own[k] * l;
    }
    free(A);
    return sum;
}

KERNEL(cholesky)
{
    long size = n[0];
    double *A = malloc(size * size * 8), *g = out[0], column[size], back[size], sum = 0;
    memcpy(A, in[0], size * size * 8);
    EACH(k, size) {
        A[k * size + k] = sqrt(A[k * size + k]);
        for (long i = k + 1; i < size; i++) column[i] = A[i * size + k] /= A[k * size + k];
        for (long i = k + 1; i < size; i++) for (long j = k + 1; j <= i; j++) A[i * size + j] -= column[i] * column[j];
    }
    EACH(i, size) EACH(j, size) {
        double a = A[i * size + j];
        sum += j <= i ? a * a * a : 0;
        g[i * size + j] = j <= i ? 3 * a * a : 0;
    }
    EACH(i, size) {
        sum += log(A[i * size + i]);
        g[i * size + i] += 1 / A[i * size + i];
    }
    DOWN(k, size) {
        double root = A[k * size + k], own = g[k * size + k];
        for (long i = k + 1; i < size; i++) {
            column[i] = A[i * size + k];
            back[i] = g[i * size + k];
        }
        for (long i = k + 1; i < size; i++) {
            input row = g + i * size;
            double s = row[i] * column[i];
            for (long j = k + 1; j <= i; j++) s += row[j] * column[j];
            back[i] -= s;
            for (long j = k + 1; j < i; j++) back[j] -= row[j] * column[i];
        }
        for (long i = k + 1; i < size; i++) {
            g[i * size + k] = back[i] / root;
            own -= back[i] / root * column[i];
        }
        g[k * size + k] = own / (2 * root);
    }
    free(A);
    return sum;
}

KERNEL(trisolv)
{
    long size = n[0];
    input L = in[0];
    double x[size], *gb = out[1], sum = 0;
    EACH(i, size) {
        double s = in[1][i];
        EACH(j, i) s -= L[i * size + j] * x[j];
        x[i] = s / L[i * size + i];
        sum += x[i] * x[i];
        gb[i] = 2 * x[i];
    }
    DOWN(i, size) {
        output gL = out[0] + i * size;
        double g = gb[i] /= L[i * size + i];
        EACH(j, i) gb[j] -= g * L[i * size + j];
        EACH(j, i + 1) gL[j] = -g * x[j];
        for (long j = i + 1; j < size; j++) gL[j] = 0;
    }
    return sum;
}

KERNEL(durbin)
{
    long size = n[0];
    input r = in[0];
    double *Y = malloc(size * size * 8), alpha[size], beta[size], g[size], turned[size], *gr = out[0], sum = 0;
    Y[0] = alpha[0] = -r[0];
    beta[0] = 1;
    for (long k = 1; k < size; k++) {
        input y = Y + (k - 1) * size;
        output to = Y + k * size;
        double s = r[k];
        EACH(i, k) s += r[k - 1 - i] * y[i];
        beta[k] = beta[k - 1] * (1 - alpha[k - 1] * alpha[k - 1]);
        alpha[k] = -s / beta[k];
        EACH(i, k) to[i] = y[i] + alpha[k] * y[k - 1 - i];
        to[k] = alpha[k];
    }
    memset(gr, 0, size * 8);
    EACH(i, size) {
        double y = Y[(size - 1) * size + i];
        sum += y * y;
        g[i] = 2 * y;
    }
    double carried = 0, by_beta = 0;
    for (long k = size - 1; k > 0; k--) {
        input y = Y + (k - 1) * size;
        double own = g[k] + carried;
        EACH(i, k) own += g[i] * y[k - 1 - i];
        double s = -own / beta[k];
        by_beta -= own * alpha[k] / beta[k];
        EACH(i, k) turned[i] = alpha[k] * g[k - 1 - i] + s * r[k - 1 - i];
        EACH(i, k) g[i] += turned[i];
        gr[k] += s;
        EACH(i, k) gr[k - 1 - i] += s * y[i];
        carried = -2 * by_beta * beta[k - 1] * alpha[k - 1];
        by_beta *= 1 - alpha[k - 1] * alpha[k - 1];
    }
    gr[0] -= g[0] + carried;
    free(Y);
    return sum;
}

KERNEL(gemver)
{
    long size = n[0];
    input A = in[0], u = in[1], v = in[2], p = in[3], q = in[4], y = in[5], z = in[6];
    double x[size], w[size], *gx = out[6], row[size], xv = 0, xq = 0, gv = 0, gq = 0, wu = 0, wp = 0, yu = 0, yp = 0, sum = 0;
#define ROW(i) EACH(j, size) row[j] = A[i * size + j] + u[i] * v[j] + p[i] * q[j]
    memcpy(x, z, size * 8);
    memset(gx, 0, size * 8);
    EACH(i, size) {
        ROW(i);
        EACH(j, size) x[j] += 1.2 * y[i] * row[j];
    }
    EACH(i, size) {
        double s = 0;
        ROW(i);
        EACH(j, size) s += row[j] * x[j];
        sum += 2.25 * s * s;
        w[i] = 1.5 * 3 * s;
        EACH(j, size) gx[j] += w[i] * row[j];
    }
    EACH(i, size) { /* the matrix gets w xᵀ + 1.2 y gxᵀ, so that its products with vectors are products of vectors */
        double s = 0;
        ROW(i);
        EACH(j, size) {
            s += row[j] * gx[j];
            out[0][i * size + j] = w[i] * x[j] + 1.2 * y[i] * gx[j];
        }
        out[5][i] = 1.2 * s;
        xv += x[i] * v[i], xq += x[i] * q[i], gv += gx[i] * v[i], gq += gx[i] * q[i];
        wu += w[i] * u[i], wp += w[i] * p[i], yu += y[i] * u[i], yp += y[i] * p[i];
    }
    EACH(i, size) {
        out[1][i] = w[i] * xv + 1.2 * y[i] * gv;
        out[2][i] = x[i] * wu + 1.2 * gx[i] * yu;
        out[3][i] = w[i] * xq + 1.2 * y[i] * gq;
        out[4][i] = x[i] * wp + 1.2 * gx[i] * yp;
    }
    return sum;
}

KERNEL(syrk)
{
    long size = n[0], inner = n[1];
    input C = in[0], A = in[1];
    output gC = out[0], gA = out[1];
    double sum = 0;
    memset(gA, 0, size * inner * 8);
    EACH(i, size) {
        EACH(j, i + 1) {
            double s = 0;
            EACH(k, inner) s += A[i * inner + k] * A[j * inner + k];
            double c = 1.2 * C[i * size + j] + 1.5 * s, g = 3 * c;
            sum += c * c;
            gC[i * size + j] = 2.4 * c;
            EACH(k, inner) gA[i * inner + k] += g * A[j * inner + k];
            EACH(k, inner) gA[j * inner + k] += g * A[i * inner + k];
        }
        for (long j = i + 1; j < size; j++) {
            sum += C[i * size + j] * C[i * size + j];
            gC[i * size + j] = 2 * C[i * size + j];
        }
    }
    return sum;
}

KERNEL(softmax)
{
    long rows = n[0], size = n[1];
    input weight = in[1];
    output gw = out[1];
    double sum = 0;
    memset(gw, 0, size * 8);
    EACH(i, rows) {
        input x = in[0] + i * size;
        output g = out[0] + i * size;
        double most = x[0], all = 0, mean = 0;
        EACH(j, size) most = x[j] > most ? x[j] : most;
        EACH(j, size) all += g[j] = exp(x[j] - most);
        EACH(j, size) mean += weight[j] * g[j];
        mean /= all;
        sum += mean;
        EACH(j, size) {
            double s = g[j] / all;
            gw[j] += s;
            g[j] = s * (weight[j] - mean);
        }
    }
    return sum;
}

KERNEL(alignment)
{
    long rows = n[0], columns = n[1], w = columns + 1;
    input likeness = in[0];
    double *H = calloc(2 * (rows + 1) * w, 8), *G = H + (rows + 1) * w, gap = in[1][0], by_gap = 0, sum = 0;
    for (long i = 1; i <= rows; i++) for (long j = 1; j <= columns; j++) {
        double *h = H + i * w + j, met = h[-w - 1] + likeness[(i - 1) * columns + j - 1];
        double other = (h[-w] > h[-1] ? h[-w] : h[-1]) - gap;
        met = met > 0 ? met : 0;
        sum += *h = met > other ? met : other;
    }
    for (long i = rows; i > 0; i--) for (long j = columns; j > 0; j--) {
        double *h = H + i * w + j, *g = G + i * w + j, met = h[-w - 1] + likeness[(i - 1) * columns + j - 1], own = *g + 1;
        double above = h[-w] > h[-1] ? h[-w] : h[-1], reached = met > 0 ? met : 0;
        double by_met = reached > above - gap && met > 0 ? own : 0, by_other = reached > above - gap ? 0 : own;
        out[0][(i - 1) * columns + j - 1] = by_met;
        g[-w - 1] += by_met;
        g[h[-w] > h[-1] ? -w : -1] += by_other;
        by_gap -= by_other;
    }
    out[1][0] = by_gap;
    free(H);
    return sum;
}
