/* The Jacobian of ADBench's hand tracking by hand: what each number of the pose does to the bones that hang on it. */
#include <math.h>
#include <string.h>

#define KERNEL(name) double name(const double *const *in, double *const *out, const long *n)
#define EACH(i, count) for (long i = 0; i < (count); i++)

enum { FINGERS = 5, JOINTS = 3, BONES = 22, POSE = 26, LANES = 16 };
typedef double affine[3][4]; /* the last row, 0 0 0 1, is not kept */
typedef struct {
    double bones[BONES][LANES];                     /* by row and column: of an affine map, turned as the whole hand is */
    double slopes[FINGERS][JOINTS][4][LANES];       /* of a joint's map, by column; lanes: rows, and the finger's numbers */
    double turns[3][3][3];                          /* a rotation's slopes, seen from what is already turned */
} Posed;

static void times(affine a, const double *b, affine to, double last) /* `last` 0: a slope, which moves no point by itself */
{
    EACH(i, 3) EACH(j, 4) to[i][j] = a[i][0] * b[j] + a[i][1] * b[4 + j] + a[i][2] * b[8 + j] + (j == 3 ? last * a[i][3] : 0);
}

static void turn(double r[3][3], affine a, affine to)
{
    EACH(i, 3) EACH(j, 4) to[i][j] = r[i][0] * a[0][j] + r[i][1] * a[1][j] + r[i][2] * a[2][j];
}

static void whole(const double *axis, double r[3][3], double turns[3][3][3])
{
    double angle = sqrt(axis[0] * axis[0] + axis[1] * axis[1] + axis[2] * axis[2]), s = sin(angle), c = cos(angle), x[3];
    EACH(i, 3) x[i] = axis[i] / angle;
    double across[3][3] = {{0, -x[2], x[1]}, {x[2], 0, -x[0]}, {-x[1], x[0], 0}};
    EACH(i, 3) EACH(j, 3) r[i][j] = x[i] * x[j] * (1 - c) + (i == j) * c + s * across[i][j];
    EACH(k, 3) {
        double d[3], slope[3][3];
        EACH(i, 3) d[i] = ((i == k) - x[i] * x[k]) / angle;
        double beside[3][3] = {{0, -d[2], d[1]}, {d[2], 0, -d[0]}, {-d[1], d[0], 0}};
        EACH(i, 3) EACH(j, 3)
            slope[i][j] = (1 - c) * (d[i] * x[j] + x[i] * d[j]) - s * x[k] * ((i == j) - x[i] * x[j]) + s * beside[i][j] + c * x[k] * across[i][j];
        EACH(i, 3) EACH(j, 3) turns[k][i][j] = slope[i][0] * r[j][0] + slope[i][1] * r[j][1] + slope[i][2] * r[j][2];
    }
}

static void posed(const double *theta, const double *relative, const double *inverse, Posed *to)
{
    double r[3][3];
    affine bones[BONES], map, turned;
    whole(theta, r, to->turns);
    memset(to->bones, 0, sizeof to->bones);
    memset(to->slopes, 0, sizeof to->slopes);
    EACH(b, BONES) {
        long finger = (b - 1) / 4, joint = b == 0 || b == BONES - 1 ? -1 : (b - 1) % 4 - 1;
        long parent = joint < 0 ? 0 : b - 1, bend = joint < 0 ? 0 : 6 + 4 * finger + (joint ? joint + 1 : 0);
        affine before, slope;
        if (b == 0) EACH(i, 3) EACH(j, 4) before[i][j] = relative[4 * i + j];
        else times(bones[parent], relative + 16 * b, before, 1);
        memcpy(bones[b], before, sizeof before);
        if (joint >= 0) {
            double s = sin(theta[bend]), c = cos(theta[bend]), t = joint ? 0 : sin(theta[bend + 1]), d = joint ? 1 : cos(theta[bend + 1]);
            double own[16] = {d, -t * c, t * s, 0, t, d * c, -d * s, 0, 0, s, c, 0};
            double by_bend[16] = {0, t * s, t * c, 0, 0, -d * s, -d * c, 0, 0, c, -s, 0};
            double by_side[16] = {-t, -d * c, d * s, 0, d, -t * c, t * s, 0};
            times(before, own, bones[b], 1);
            for (long side = 0; side <= !joint; side++) {
                times(before, side ? by_side : by_bend, slope, 0);
                for (long last = b, number = (joint ? joint + 1 : side); last <= 4 * finger + 4; last++) {
                    if (last > b) { /* on to the next bone of the finger */
                        double v = sin(theta[5 + last]), w = cos(theta[5 + last]);
                        double next[16] = {1, 0, 0, 0, 0, w, -v, 0, 0, v, w, 0};
                        times(slope, relative + 16 * last, map, 1);
                        times(map, next, slope, 1);
                    }
                    times(slope, inverse + 16 * last, map, 1);
                    turn(r, map, turned);
                    EACH(i, 3) EACH(j, 4) to->slopes[finger][last - 4 * finger - 2][j][4 * i + number] = turned[i][j];
                }
            }
        }
        times(bones[b], inverse + 16 * b, map, 1);
        turn(r, map, turned);
        memcpy(to->bones[b], turned, sizeof turned);
    }
}

/* Adds a share of a vertex: where it is before the hand is moved as a whole, and its slopes in the fingers' numbers. */
static void vertex(const Posed *p, const double *mesh, const double *weights, double share, double *place, double (*slopes)[LANES])
{
    double mean[LANES] = {0};
    EACH(b, BONES) EACH(l, LANES) mean[l] += weights[b] * p->bones[b][l];
    EACH(i, 3) place[i] = mean[4 * i] * mesh[0] + mean[4 * i + 1] * mesh[1] + mean[4 * i + 2] * mesh[2] + mean[4 * i + 3] * mesh[3];
    EACH(f, FINGERS) EACH(s, JOINTS) EACH(j, 4) {
        double factor = share * weights[2 + 4 * f + s] * mesh[j];
        EACH(l, LANES) slopes[f][l] += factor * p->slopes[f][s][j][l];
    }
}

static void put(const Posed *p, const double *place, double (*slopes)[LANES], double *to)
{
    EACH(i, 3) {
        EACH(k, 3) {
            to[i * POSE + k] = -(p->turns[k][i][0] * place[0] + p->turns[k][i][1] * place[1] + p->turns[k][i][2] * place[2]);
            to[i * POSE + 3 + k] = -(i == k);
        }
        EACH(f, FINGERS) EACH(k, 4) to[i * POSE + 6 + 4 * f + k] = -slopes[f][4 * i + k];
    }
}

KERNEL(hand)
{
    const double *mesh = in[3], *weights = in[4];
    const long *chosen = (const long *)in[6];
    Posed p;
    posed(in[0], in[1], in[2], &p);
    EACH(i, n[0]) {
        double place[3], slopes[FINGERS][LANES] = {{0}};
        vertex(&p, mesh + 4 * chosen[i], weights + BONES * chosen[i], 1, place, slopes);
        put(&p, place, slopes, out[0] + 3 * POSE * i);
    }
    return 0;
}

KERNEL(hand_on_triangles)
{
    const double *u = in[1], *mesh = in[4], *weights = in[5];
    const long *corners = (const long *)in[7];
    Posed p;
    posed(in[0], in[2], in[3], &p);
    EACH(i, n[0]) {
        double share[3] = {u[2 * i], u[2 * i + 1], 1 - u[2 * i] - u[2 * i + 1]}, at[3][3], place[3], slopes[FINGERS][LANES] = {{0}};
        EACH(c, 3) {
            long v = corners[3 * i + c];
            vertex(&p, mesh + 4 * v, weights + BONES * v, share[c], at[c], slopes);
        }
        EACH(k, 3) {
            place[k] = share[0] * at[0][k] + share[1] * at[1][k] + share[2] * at[2][k];
            EACH(c, 2) out[1][(3 * i + k) * 2 + c] = at[2][k] - at[c][k];
        }
        put(&p, place, slopes, out[0] + 3 * POSE * i);
    }
    return 0;
}
