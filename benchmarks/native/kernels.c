/* Values and gradients written by hand: nothing but the arithmetic, for one thread.
 * Each takes the inputs, where the gradients go, and the sizes; it returns the value. `limit.py` compiles and calls it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef const double *restrict input;
typedef double *restrict output;
#define KERNEL(name) double name(const double *const *in, double *const *out, const long *n)
#define EACH(i, count) for (long i = 0; i < (count); i++)
#define PART 64 /* elements that are worked on at once: they stay in the cache */

KERNEL(cubic)
{
    double x = in[0][0], y = in[1][0];
    out[0][0] = 9 * x * x;
    out[1][0] = -2 * y;
    return 3 * x * x * x - y * y;
}

KERNEL(linear)
{
    input W = in[0], b = in[1], x = in[2], t = in[3];
    output gW = out[0], gb = out[1];
    double sum = 0;
    EACH(i, 3) {
        double r = W[3 * i] * x[0] + W[3 * i + 1] * x[1] + W[3 * i + 2] * x[2] + b[i] - t[i];
        sum += r * r;
        gb[i] = r * (2.0 / 3);
        EACH(j, 3) gW[3 * i + j] = gb[i] * x[j];
    }
    return sum / 3;
}

KERNEL(net)
{
    input W = in[0], b = in[1], V = in[2], x = in[4];
    output gW = out[0], gb = out[1], gV = out[2];
    double h[3], z = in[3][0];
    EACH(i, 3) {
        double a = W[2 * i] * x[0] + W[2 * i + 1] * x[1] + b[i];
        h[i] = a > 0 ? a : 0;
        z += V[i] * h[i];
    }
    double y = 1 / (1 + exp(-z)), e = y - in[5][0], g = 2 * e * y * (1 - y);
    EACH(i, 3) {
        double a = h[i] > 0 ? g * V[i] : 0;
        gW[2 * i] = a * x[0];
        gW[2 * i + 1] = a * x[1];
        gb[i] = a;
        gV[i] = g * h[i];
    }
    out[3][0] = g;
    return e * e;
}

KERNEL(layers)
{
    input V = in[0], W = in[1], x = in[2], t = in[3];
    output gV = out[0], gW = out[1];
    double h[4], r[2];
    EACH(i, 4) h[i] = V[3 * i] * x[0] + V[3 * i + 1] * x[1] + V[3 * i + 2] * x[2];
    EACH(i, 2) {
        r[i] = -t[i];
        EACH(j, 4) r[i] += W[4 * i + j] * h[j];
        EACH(j, 4) gW[4 * i + j] = r[i] * h[j];
    }
    EACH(j, 4) EACH(k, 3) gV[3 * j + k] = (r[0] * W[j] + r[1] * W[4 + j]) * x[k];
    return (r[0] * r[0] + r[1] * r[1]) / 2;
}

KERNEL(recurrence)
{
    double w = in[0][0], u = in[1][0], b = in[2][0], h[n[0] + 1];
    input x = in[3];
    h[0] = 0;
    EACH(i, n[0]) h[i + 1] = tanh(w * h[i] + u * x[i] + b);
    double e = h[n[0]] - in[4][0], g = 2 * e, gw = 0, gu = 0, gb = 0;
    for (long i = n[0] - 1; i >= 0; i--) {
        g *= 1 - h[i + 1] * h[i + 1];
        gw += g * h[i];
        gu += g * x[i];
        gb += g;
        g *= w;
    }
    out[0][0] = gw;
    out[1][0] = gu;
    out[2][0] = gb;
    return e * e;
}

KERNEL(wave)
{
    input x = in[0];
    output g = out[0];
    double c[PART], s[PART], sum = 0;
    for (long at = 0; at < n[0]; at += PART) {
        long m = n[0] - at < PART ? n[0] - at : PART;
        EACH(i, m) c[i] = cos(x[at + i]);
        __asm__ volatile("" ::: "memory"); /* or the compiler calls sincos, for one number at a time */
        EACH(i, m) s[i] = sin(x[at + i]);
        EACH(i, m) sum += 3 * c[i] - s[i] * s[i];
        EACH(i, m) g[at + i] = -s[i] * (3 + 2 * c[i]);
    }
    return sum;
}

KERNEL(logistic)
{
    long count = n[0], d = n[1];
    input w = in[0], X = in[2], y = in[3];
    output g = out[0];
    double b = in[1][0], penalty = in[4][0], z[PART], sum = 0, square = 0, gb = 0;
    memset(g, 0, d * sizeof *g);
    for (long at = 0; at < count; at += PART) {
        long m = count - at < PART ? count - at : PART;
        EACH(i, m) {
            double s = 0;
            EACH(j, d) s += X[(at + i) * d + j] * w[j];
            z[i] = y[at + i] * (s + b);
        }
        EACH(i, m) {
            double e = exp(-fabs(z[i]));
            sum += log(1 + e) + (z[i] < 0 ? -z[i] : 0);
            z[i] = -y[at + i] * (z[i] < 0 ? 1 : e) / (1 + e);
        }
        EACH(i, m) {
            gb += z[i];
            EACH(j, d) g[j] += z[i] * X[(at + i) * d + j];
        }
    }
    EACH(j, d) {
        square += w[j] * w[j];
        g[j] = g[j] / count + penalty * w[j];
    }
    out[1][0] = gb / count;
    return sum / count + penalty * square / 2;
}

/* -- ADBench's mixture of Gaussians: PART points at once, eight in each vector -------------------------------------- */

typedef double eight __attribute__((vector_size(64), aligned(8), may_alias));
#define VECTORS (PART / 8)
#define UNROLLED _Pragma("GCC unroll 8") for (int v = 0; v < VECTORS; v++)
#define BELOW(row, column) ((column) * (2 * d - (column) - 1) / 2 + (row) - (column) - 1)

static double total(eight a) { return ((a[0] + a[4]) + (a[1] + a[5])) + ((a[2] + a[6]) + (a[3] + a[7])); }

KERNEL(mixture)
{
    long d = n[0], K = n[1], count = n[2], packed = d * (d + 1) / 2;
    input alpha = in[0], mean = in[1], icf = in[2], x = in[3];
    output ga = out[0], gm = out[1], gi = out[2];
    double *room = aligned_alloc(64, ((2 + K) * d * PART + K * PART + K * d + K + 64) / 8 * 64);
    double *X = room, *C = X + d * PART, *Y = C + d * PART, *M = Y + K * d * PART, *Q = M + K * PART, *logs = Q + K * d;
    double sum = in[4][0];
    memset(ga, 0, K * 8);
    memset(gm, 0, K * d * 8);
    memset(gi, 0, K * packed * 8);
    EACH(k, K) {
        logs[k] = 0;
        EACH(i, d) {
            logs[k] += icf[k * packed + i];
            Q[k * d + i] = exp(icf[k * packed + i]);
        }
    }
    for (long at = 0; at < count; at += PART) {
        long m = count - at < PART ? count - at : PART;
        EACH(i, d) EACH(p, PART) X[i * PART + p] = p < m ? x[(at + p) * d + i] : 0;
        EACH(k, K) {
            const double *L = icf + k * packed + d;
            double *y = Y + k * d * PART;
            eight square[VECTORS] = {0};
            EACH(r, d) {
                eight *c = (eight *)(C + r * PART), sum_r[VECTORS];
                UNROLLED {
                    c[v] = ((eight *)(X + r * PART))[v] - mean[k * d + r];
                    sum_r[v] = Q[k * d + r] * c[v];
                }
                EACH(j, r) UNROLLED sum_r[v] += L[BELOW(r, j)] * ((eight *)(C + j * PART))[v];
                UNROLLED {
                    ((eight *)(y + r * PART))[v] = sum_r[v];
                    square[v] += sum_r[v] * sum_r[v];
                }
            }
            UNROLLED ((eight *)(M + k * PART))[v] = alpha[k] + logs[k] - 0.5 * square[v];
        }
        double most[PART], all[PART] = {0};
        memcpy(most, M, sizeof most);
        EACH(k, K) EACH(p, PART) most[p] = M[k * PART + p] > most[p] ? M[k * PART + p] : most[p];
        EACH(k, K) EACH(p, PART) {
            double e = exp(M[k * PART + p] - most[p]);
            M[k * PART + p] = e = e < 1e-200 ? 0 : e; /* products with less would be denormal, and slow */
            all[p] += e;
        }
        EACH(p, m) sum += log(all[p]) + most[p];
        EACH(p, PART) all[p] = p < m ? 1 / all[p] : 0;
        EACH(k, K) {
            const double *L = icf + k * packed + d;
            double *y = Y + k * d * PART, *w = M + k * PART, *gL = gi + k * packed + d, sums[d];
            EACH(p, PART) ga[k] += w[p] *= all[p];
            EACH(r, d) {
                eight s = {0}, own = {0};
                UNROLLED {
                    eight *yr = (eight *)(y + r * PART), *c = (eight *)(C + r * PART);
                    c[v] = ((eight *)(X + r * PART))[v] - mean[k * d + r];
                    yr[v] *= ((eight *)w)[v];
                    s += yr[v];
                    own += yr[v] * c[v];
                }
                sums[r] = total(s);
                gi[k * packed + r] -= total(own) * Q[k * d + r];
            }
            EACH(j, d) {
                eight c[VECTORS];
                UNROLLED c[v] = ((eight *)(C + j * PART))[v];
                double g = Q[k * d + j] * sums[j];
                for (long r = j + 1; r < d; r++) {
                    eight s = {0}, t = {0}, *yr = (eight *)(y + r * PART);
                    for (int v = 0; v < VECTORS; v += 2) {
                        s += yr[v] * c[v];
                        t += yr[v + 1] * c[v + 1];
                    }
                    gL[BELOW(r, j)] -= total(s + t);
                    g += L[BELOW(r, j)] * sums[r];
                }
                gm[k * d + j] += g;
            }
        }
    }
    double most = alpha[0], all = 0;
    EACH(k, K) most = alpha[k] > most ? alpha[k] : most;
    EACH(k, K) all += exp(alpha[k] - most);
    EACH(k, K) {
        EACH(i, d) {
            double q = Q[k * d + i];
            sum += q * q / 2;
            gi[k * packed + i] += ga[k] + q * q;
        }
        for (long i = d; i < packed; i++) {
            sum += icf[k * packed + i] * icf[k * packed + i] / 2;
            gi[k * packed + i] += icf[k * packed + i];
        }
        ga[k] -= count * exp(alpha[k] - most) / all;
    }
    free(room);
    return sum - count * (log(all) + most);
}

/* -- ADBench's LSTM, whose weights are diagonal: eight vectors of each layer and step are kept ----------------------- */

static inline double squash(double z) { return 1 / (1 + exp(-z)); }
static inline double tangent(double z)
{
    double e = exp(-2 * fabs(z)), t = (1 - e) / (1 + e);
    return z < 0 ? -t : t;
}

KERNEL(lstm)
{
    long layers = n[0], steps = n[1] - 1, b = n[2], frame = (layers * 8 + 2) * b;
    input main = in[0], extra = in[1], given = in[2], text = in[3];
    double *kept = malloc((steps * frame + 4 * layers * b) * 8), *state = kept + steps * frame, *back = state + 2 * layers * b;
    double x[b], y[b], sum = 0, scale = -1 / ((double)steps * b);
    memcpy(state, given, 2 * layers * b * 8);
    EACH(t, steps) {
        double *f = kept + t * frame, all = 2, hits = 0, marks = 0;
        EACH(j, b) x[j] = text[t * b + j] * extra[j];
        for (long i = 0; i < layers; i++, f += 8 * b) {
            const double *W = main + 8 * b * i, *B = W + 4 * b;
            double *h = state + 2 * i * b, *c = h + b;
#pragma omp simd
            EACH(j, b) {
                double forget = squash(x[j] * W[j] + B[j]), take = squash(h[j] * W[b + j] + B[b + j]);
                double show = squash(x[j] * W[2 * b + j] + B[2 * b + j]), change = tangent(h[j] * W[3 * b + j] + B[3 * b + j]);
                double cell = c[j] * forget + take * change, seen = tangent(cell);
                f[j] = forget, f[b + j] = take, f[2 * b + j] = show, f[3 * b + j] = change;
                f[4 * b + j] = c[j], f[5 * b + j] = h[j], f[6 * b + j] = x[j], f[7 * b + j] = seen;
                c[j] = cell;
                x[j] = h[j] = show * seen;
            }
        }
        const double *next = text + (t + 1) * b;
        EACH(j, b) {
            y[j] = x[j] * extra[b + j] + extra[2 * b + j];
            f[j] = x[j];
            all += f[b + j] = exp(y[j]);
            hits += next[j] * y[j];
            marks += next[j];
        }
        EACH(j, b) f[b + j] = next[j] - marks * f[b + j] / all;
        sum += hits - marks * log(all);
    }
    memset(back, 0, 2 * layers * b * 8);
    memset(out[0], 0, 8 * layers * b * 8);
    memset(out[1], 0, 3 * b * 8);
    for (long t = steps - 1; t >= 0; t--) {
        double *f = kept + t * frame + layers * 8 * b, *ge = out[1];
        EACH(j, b) {
            double g = f[b + j] * scale;
            ge[b + j] += g * f[j];
            ge[2 * b + j] += g;
            x[j] = g * extra[b + j];
        }
        for (long i = layers - 1; i >= 0; i--) {
            const double *W = main + 8 * b * i;
            double *gW = out[0] + 8 * b * i, *gB = gW + 4 * b, *gh = back + 2 * i * b, *gc = gh + b;
            f -= 8 * b;
#pragma omp simd
            EACH(j, b) {
                double forget = f[j], take = f[b + j], show = f[2 * b + j], change = f[3 * b + j], seen = f[7 * b + j];
                double g = x[j] + gh[j], cell = gc[j] + g * show * (1 - seen * seen);
                double a0 = cell * f[4 * b + j] * forget * (1 - forget), a1 = cell * change * take * (1 - take);
                double a2 = g * seen * show * (1 - show), a3 = cell * take * (1 - change * change);
                gc[j] = cell * forget;
                gW[j] += a0 * f[6 * b + j], gW[b + j] += a1 * f[5 * b + j];
                gW[2 * b + j] += a2 * f[6 * b + j], gW[3 * b + j] += a3 * f[5 * b + j];
                gB[j] += a0, gB[b + j] += a1, gB[2 * b + j] += a2, gB[3 * b + j] += a3;
                gh[j] = a1 * W[b + j] + a3 * W[3 * b + j];
                x[j] = a0 * W[j] + a2 * W[2 * b + j];
            }
        }
        EACH(j, b) ge[j] += x[j] * text[t * b + j];
    }
    free(kept);
    return sum * scale;
}
