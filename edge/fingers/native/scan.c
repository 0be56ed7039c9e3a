/* Local similarity and rigid comparison of fingerprints: edge/core/fingerprints/scan.py and rigid.py in C.
 *
 * Those two files say what is computed and why; here stand the same float32 operations in the same order (build.sh
 * forbids the compiler to fuse them). No memory is allocated, nothing is written but `scores`, no state is kept, so
 * threads may run it side by side. The caller has checked the shard (check_shard): offsets ascend from 0, a template
 * has at most MOST cylinders, and so has the probe.
 */
#include <stddef.h>
#include <stdint.h>

#define WORDS 6
#define MOST 64
#define BITS (WORDS * 64)
#define MAX_PAIRS 64

#define ABI 1

/* The best machine code for what the processor has; the loader chooses once. */
#ifdef __x86_64__
#define EACH __attribute__((target_clones("popcnt", "default")))
#else
#define EACH
#endif

typedef struct {
    const uint64_t *bits; /* [cylinders][WORDS] */
    const int16_t *x, *y; /* [cylinders] pixels */
    const uint8_t *angle; /* [cylinders] 256ths of a turn */
} Cylinders;

/* What the Python side decides: kept there alone. */
typedef struct {
    int32_t window, best, pairs, turn;
    float near, far, straight;
    float root[BITS + 1], cosine[256], sine[256];
} Rules;

#define ALWAYS static inline __attribute__((always_inline))

ALWAYS int ones_of(const uint64_t *a) {
    int sum = 0;
    for (int w = 0; w < WORDS; w++) sum += __builtin_popcountll(a[w]);
    return sum;
}

ALWAYS int differ(const uint64_t *a, const uint64_t *b) {
    int sum = 0;
    for (int w = 0; w < WORDS; w++) sum += __builtin_popcountll(a[w] ^ b[w]);
    return sum;
}

ALWAYS float apart(int bits, float one, float two) {
    float least = one + two, square = least * least;
    return (float)bits / (square < 1.0f ? 1.0f : square);
}

ALWAYS int askew(uint8_t one, uint8_t two) {
    int turned = (int8_t)(uint8_t)(one - two);
    return turned < 0 ? -turned : turned;
}

ALWAYS void roots_of(const Rules *rules, const uint64_t *bits, int count, float *root) {
    for (int i = 0; i < count; i++) root[i] = rules->root[ones_of(bits + i * WORDS)];
}

ALWAYS float total_of_best(const float *nearest, int count, int best) {
    float kept[MOST], total = 0.0f;
    int many = 0;
    for (int i = 0; i < count; i++) { /* ascending: the nearest first */
        int at = many < best ? many++ : best - 1;
        if (at == best - 1 && many == best && i >= best && nearest[i] >= kept[at]) continue;
        for (; at > 0 && kept[at - 1] > nearest[i]; at--) kept[at] = kept[at - 1];
        kept[at] = nearest[i];
    }
    for (int i = 0; i < many; i++) total += 1.0f - __builtin_sqrtf(kept[i]);
    return total;
}

/* nearest[i] = distance of the nearest cylinder within the window of rotation of minutia i of the probe, at most 1.
 *
 * Angles ascend on both sides. Laid out three times, at -256, 0 and +256, the cylinders within a window are one run,
 * and both its ends only ever advance: no comparison of angles for each pair.
 */
ALWAYS void nearest_of(const Rules *rules, const Cylinders *probe, int count, const float *mine, const uint64_t *bits,
                       const uint8_t *angle, int many, float *nearest) {
    float theirs[MOST];
    int32_t turn[3 * MOST + 1];
    int from = 0, to = 0;
    roots_of(rules, bits, many, theirs);
    for (int j = 0; j < many; j++) turn[j] = angle[j] - 256, turn[j + many] = angle[j], turn[j + 2 * many] = angle[j] + 256;
    turn[3 * many] = INT32_MAX;
    for (int i = 0; i < count; i++) {
        union {
            float value[3 * MOST];
            int32_t order[3 * MOST]; /* of floats that are not negative */
        } far;
        float root[3 * MOST];
        int32_t bits_off[3 * MOST], least = 0x3f800000; /* 1.0f */
        const uint64_t *own = probe->bits + i * WORDS;
        while (turn[from] < probe->angle[i] - rules->window) from++;
        while (turn[to] <= probe->angle[i] + rules->window) to++;
        int run = to - from;
        for (int k = 0, j = from % many; k < run; k++, j = j + 1 == many ? 0 : j + 1) {
            bits_off[k] = differ(own, bits + j * WORDS);
            root[k] = theirs[j];
        }
        for (int k = 0; k < run; k++) far.value[k] = apart(bits_off[k], mine[i], root[k]);
        for (int k = 0; k < run; k++) least = far.order[k] < least ? far.order[k] : least;
        __builtin_memcpy(nearest + i, &least, sizeof least);
    }
}

/* scores[i] = local similarity of the probe and template first + i, up to (not with) last. */
EACH void borderpost_scan(const Rules *rules, const Cylinders *probe, int32_t count, const Cylinders *all,
                          const int64_t *offsets, int64_t first, int64_t last, float *scores) {
    float mine[MOST], nearest[MOST];
    roots_of(rules, probe->bits, count, mine);
    for (int64_t t = first; t < last; t++) {
        const uint64_t *bits = all->bits + offsets[t] * WORDS;
        const uint8_t *angle = all->angle + offsets[t];
        int many = (int)(offsets[t + 1] - offsets[t]);
        if (!many || !count) {
            scores[t - first] = 0.0f;
            continue;
        }
        nearest_of(rules, probe, count, mine, bits, angle, many, nearest);
        scores[t - first] = total_of_best(nearest, count, rules->best) / (float)rules->best;
    }
}

typedef struct {
    int count;
    float weight[MAX_PAIRS];
    uint8_t mine[MAX_PAIRS], other[MAX_PAIRS];
    uint64_t agree[MAX_PAIRS]; /* bit q of [p] */
} Pairs;

/* The nearest pairs, by distance and then by place. */
ALWAYS void nearest_pairs(const Rules *rules, const Cylinders *probe, int count, const Cylinders *other, int many,
                          Pairs *pairs) {
    float mine[MOST], theirs[MOST], kept[MAX_PAIRS];
    int limit = rules->pairs, held = 0;
    roots_of(rules, probe->bits, count, mine);
    roots_of(rules, other->bits, many, theirs);
    for (int i = 0; i < count; i++)
        for (int j = 0; j < many; j++) {
            if (askew(probe->angle[i], other->angle[j]) > rules->window) continue;
            float far = apart(differ(probe->bits + i * WORDS, other->bits + j * WORDS), mine[i], theirs[j]);
            if (!(far < 1.0f) || (held == limit && far >= kept[limit - 1])) continue;
            int at = held < limit ? held++ : limit - 1;
            for (; at > 0 && kept[at - 1] > far; at--) {
                kept[at] = kept[at - 1];
                pairs->mine[at] = pairs->mine[at - 1];
                pairs->other[at] = pairs->other[at - 1];
            }
            kept[at] = far;
            pairs->mine[at] = (uint8_t)i;
            pairs->other[at] = (uint8_t)j;
        }
    for (int p = 0; p < held; p++) {
        float similar = 1.0f - __builtin_sqrtf(kept[p]);
        pairs->weight[p] = similar * similar;
    }
    pairs->count = held;
}

ALWAYS void agreeing(const Rules *rules, const Cylinders *probe, const Cylinders *other, Pairs *pairs) {
    float ax[MAX_PAIRS], ay[MAX_PAIRS], bx[MAX_PAIRS], by[MAX_PAIRS], cosine[MAX_PAIRS], sine[MAX_PAIRS];
    uint8_t turn[MAX_PAIRS];
    for (int p = 0; p < pairs->count; p++) {
        int i = pairs->mine[p], j = pairs->other[p];
        ax[p] = probe->x[i], ay[p] = probe->y[i], bx[p] = other->x[j], by[p] = other->y[j];
        turn[p] = (uint8_t)(probe->angle[i] - other->angle[j]);
        cosine[p] = rules->cosine[turn[p]], sine[p] = rules->sine[turn[p]];
        pairs->agree[p] = 0;
    }
    for (int p = 0; p < pairs->count; p++)
        for (int q = 0; q < p; q++) {
            float dax = ax[q] - ax[p], day = ay[q] - ay[p], dbx = bx[q] - bx[p], dby = by[q] - by[p];
            float one = __builtin_sqrtf(dax * dax + day * day), two = __builtin_sqrtf(dbx * dbx + dby * dby);
            float off = one < two ? two - one : one - two, shorter = one < two ? one : two;
            float along = dax * dbx + day * dby, across = day * dbx - dax * dby, least = rules->straight * (one * two);
            int fits = (off <= rules->near + rules->far * shorter) & (one > 0.0f) & (two > 0.0f) &
                       (askew(turn[p], turn[q]) <= rules->turn) & (cosine[p] * along - sine[p] * across >= least) &
                       (cosine[q] * along - sine[q] * across >= least);
            pairs->agree[p] |= (uint64_t)fits << q;
            pairs->agree[q] |= (uint64_t)fits << p;
        }
}

ALWAYS float seeded(const Pairs *pairs) {
    float most = -1.0f, sum = 0.0f, weights = 0.0f;
    uint64_t members = 0;
    for (int seed = 0; seed < pairs->count; seed++) {
        uint64_t mine = 1ull << pairs->mine[seed], other = 1ull << pairs->other[seed], taken = 1ull << seed;
        float total = pairs->weight[seed];
        for (uint64_t left = pairs->agree[seed]; left; left &= left - 1) {
            int p = __builtin_ctzll(left);
            if ((mine >> pairs->mine[p] & 1) | (other >> pairs->other[p] & 1)) continue;
            mine |= 1ull << pairs->mine[p], other |= 1ull << pairs->other[p], taken |= 1ull << p;
            total += pairs->weight[p];
        }
        if (total > most) most = total, members = taken;
    }
    for (uint64_t left = members; left; left &= left - 1) {
        int p = __builtin_ctzll(left);
        float support = 0.0f;
        for (uint64_t near = pairs->agree[p] & members; near; near &= near - 1)
            support += pairs->weight[__builtin_ctzll(near)];
        sum += pairs->weight[p] * support;
        weights += pairs->weight[p];
    }
    return sum / (weights < 1e-9f ? 1e-9f : weights);
}

/* scores[i] = comparison score of the probe and template chosen[i]. */
EACH void borderpost_rigid(const Rules *rules, const Cylinders *probe, int32_t count, const Cylinders *all,
                           const int64_t *offsets, const int64_t *chosen, int64_t number, float *scores) {
    for (int64_t c = 0; c < number; c++) {
        int64_t from = offsets[chosen[c]];
        int many = (int)(offsets[chosen[c] + 1] - from);
        Cylinders other = {all->bits + from * WORDS, all->x + from, all->y + from, all->angle + from};
        Pairs pairs;
        scores[c] = 0.0f;
        if (count < 2 || many < 2) continue;
        nearest_pairs(rules, probe, count, &other, many, &pairs);
        agreeing(rules, probe, &other, &pairs);
        scores[c] = seeded(&pairs);
    }
}

/* What the Python side checks before it calls: version and the sizes that both must agree on. */
int32_t borderpost_abi(void) { return ABI * 1000000 + WORDS * 10000 + MOST * 100 + (int32_t)(sizeof(Rules) % 100); }
