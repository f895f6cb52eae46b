/// The kernels of a model batch against plain loops over one model after the other, in guarded memory: sizes around the
/// edges of a tile, and every option.
#include "kernels/small_nets/model_batch.hpp"
#include "kernels/update/update.hpp"
#include "values.hpp"

namespace nncore::check {
namespace {

using Wide = long double;

template <class T>
bool near(T got, Wide want, Wide allowed) {
  return std::fabs(got - want) <= allowed * static_cast<Wide>(std::numeric_limits<T>::epsilon());
}

/// Rows and columns of a in memory, then the other way round; a register lies behind every row of c.
template <class T>
int check_product(const Kernels<T>& kernels, int64_t M, int64_t N, int64_t R, bool transposed) {
  const int64_t L = kernels.lanes, row = N + 1;
  ModelBatchProduct p = {M, N, R, R, 1, R, 1, row, 1, false, false};
  if (transposed) p.a_row = 1, p.a_term = M, p.b_row = 1, p.b_term = N;
  Guarded<T> a(M * R * L), b(N * R * L), start((M * row - 1) * L), gate(start.size()), c(start.size());
  Numbers numbers(static_cast<uint64_t>(M * 100 + N * 10 + R));
  for (Guarded<T>* array : {&a, &b, &start, &gate}) numbers.fill(*array, 1);
  for (int64_t i = 0; i < gate.size(); i += 5) gate[i] = T(0);
  for (bool add : {false, true})
    for (bool relu : {false, true})
      for (const T* gated : {static_cast<const T*>(nullptr), static_cast<const T*>(gate.data())}) {
        p.add = add, p.relu = relu;
        c.clear();
        for (int64_t i = 0; add && i < c.size(); ++i)
          if (i / L % row < N) c[i] = start[i];
        kernels.model_batch.product(p, a.data(), b.data(), gated, c.data());
        for (int64_t i = 0; i < c.size(); ++i) {
          const int64_t m = i / L / row, n = i / L % row, l = i % L;
          if (n == N) {
            if (!c.untouched(i)) return fail("write between rows", m, l);
            continue;
          }
          Wide sum = add ? start[i] : T(0), size = std::fabs(sum);
          for (int64_t r = 0; r < R; ++r) {
            const Wide term =
                static_cast<Wide>(a[(m * p.a_row + r * p.a_term) * L + l]) * b[(n * p.b_row + r * p.b_term) * L + l];
            sum += term, size += std::fabs(term);
          }
          if (relu) sum = std::fmax(sum, Wide(0));
          if (gated && gate[i] <= 0 ? c[i] != 0 : !near(c[i], sum, static_cast<Wide>(R + 1) * size))
            return fail("wrong sum", m, n, l);
        }
      }
  return check_fronts(a, b, gate, c);
}

/// The loss of one sample by plain loops: the sum of its terms, how many outputs are right, the derivative by each
/// output.
struct Verdict {
  Wide loss = 0, right = 0;
  std::vector<Wide> slope;
};

Verdict cross_entropy(const std::vector<Wide>& z, const std::vector<Wide>& y) {
  const size_t label = static_cast<size_t>(y[0]);
  const auto most = std::max_element(z.begin(), z.end());  // the first of several
  Wide sum = 0;
  for (Wide x : z) sum += std::exp(x - *most);
  Verdict sample{std::log(sum) + *most - z[label], Wide(most - z.begin() == static_cast<int64_t>(label)), {}};
  for (size_t c = 0; c < z.size(); ++c) sample.slope.push_back(std::exp(z[c] - *most) / sum - (c == label ? 1 : 0));
  return sample;
}

Verdict squares(const std::vector<Wide>& z, const std::vector<Wide>& y) {
  Verdict sample;
  for (size_t c = 0; c < z.size(); ++c) {
    sample.loss += (z[c] - y[c]) * (z[c] - y[c]), sample.right += z[c] == y[c];
    sample.slope.push_back(2 * (z[c] - y[c]));
  }
  return sample;
}

Verdict logits(const std::vector<Wide>& z, const std::vector<Wide>& y) {
  Verdict sample;
  for (size_t c = 0; c < z.size(); ++c) {
    sample.loss += (1 - y[c]) * z[c] + std::log1p(std::exp(-z[c])), sample.right += (z[c] >= 0) == (y[c] > 0.5L);
    sample.slope.push_back(1 / (1 + std::exp(-z[c])) - y[c]);
  }
  return sample;
}

template <class T>
int check_loss(const Kernels<T>& kernels, const std::string& name, int64_t S, int64_t C) {
  const bool labels = name == "cross_entropy";
  const auto kernel = labels              ? kernels.model_batch.cross_entropy
                      : name == "squares" ? kernels.model_batch.squares
                                          : kernels.model_batch.logits;
  const auto reference = labels ? cross_entropy : name == "squares" ? squares : logits;
  const int64_t L = kernels.lanes, row = S + 1, targets = labels ? 1 : C;
  Guarded<T> z((C * row - 1) * L), dz(z.size()), y((targets * row - 1) * L);
  Guarded<double> loss(L), right(L);
  Numbers numbers(static_cast<uint64_t>(S * 100 + C));
  numbers.fill(z, 5);
  for (int64_t i = 1; i < z.size(); i += 2) z[i] = std::round(z[i]);  // zeros, and outputs that are equal
  for (int64_t i = 0; i < y.size(); ++i) {
    y[i] = static_cast<T>(static_cast<int64_t>(numbers.bits()) % std::max<int64_t>(C, 2));
    if (labels ? y[i] >= static_cast<T>(C) : name == "squares" && i % 3 == 0) y[i] = labels ? T(0) : z[i];
    if (name == "logits") y[i] = y[i] > 0 ? T(1) : T(i % 4) / 4;
  }
  const int64_t broken = S % L;  // one model's output is no number: its loss says so, the others' do not
  z[broken] = S % 2 ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::quiet_NaN();
  for (int64_t l = 0; l < L; ++l) loss[l] = 1, right[l] = 2;
  const T scale = T(0.25);
  kernel({S, C, row}, scale, z.data(), y.data(), dz.data(), loss.data(), right.data());
  for (int64_t l = 0; l < L; ++l) {
    if (l == broken) {
      if (C > 1 && std::isfinite(loss[l])) return fail("a loss of what is no number", l);
      continue;
    }
    Wide want = 1, hits = 2, size = 1;
    for (int64_t s = 0; s < S; ++s) {
      std::vector<Wide> outputs, wanted;
      for (int64_t c = 0; c < C; ++c) outputs.push_back(z[(c * row + s) * L + l]);
      for (int64_t c = 0; c < targets; ++c) wanted.push_back(y[(c * row + s) * L + l]);
      const Verdict sample = reference(outputs, wanted);
      want += sample.loss, hits += sample.right, size += std::fabs(sample.loss) + 1;
      for (int64_t c = 0; c < C; ++c) {
        const Wide slope = sample.slope[static_cast<size_t>(c)];
        if (!near(dz[(c * row + s) * L + l], scale * slope, 8 * (1 + std::fabs(slope))))
          return fail("wrong dz", c, s, l);
      }
    }
    if (!near(static_cast<T>(loss[l]), want, 16 * size)) return fail("wrong loss", l);
    if (right[l] != static_cast<double>(hits)) return fail("wrong count of right ones", l);
  }
  for (int64_t i = 0; i < dz.size(); ++i)
    if (i / L % row == S && !dz.untouched(i)) return fail("write between rows", i);
  return check_fronts(z, y, dz, loss, right);
}

template <class T>
int check_penalty(const Kernels<T>& kernels, int64_t C, int64_t K) {
  const int64_t L = kernels.lanes, row = K + 1;
  Guarded<T> w((C * row - 1) * L), g(w.size()), before(w.size());
  Guarded<double> l2(L), l1(L), value(L);
  Numbers numbers(static_cast<uint64_t>(C * 100 + K));
  numbers.fill(w, 1), numbers.fill(g, 1), numbers.fill(l2, 1), numbers.fill(l1, 1), copy(g, before);
  for (int64_t i = 0; i < w.size(); i += 3) w[i] = T(0);
  for (int64_t l = 0; l < L; ++l) value[l] = 1, l2[l] = std::fabs(l2[l]), l1[l] = l % 2 ? 0 : std::fabs(l1[l]);
  kernels.model_batch.penalty(C, K, row, l2.data(), l1.data(), w.data(), g.data(), value.data());
  for (int64_t l = 0; l < L; ++l) {
    Wide want = 1;
    for (int64_t i = l; i < w.size(); i += L) {
      const Wide x = w[i], sign = x > 0 ? 1 : x < 0 ? -1 : 0;
      const bool weight = i / L % row < K;
      if (weight ? !near(g[i], before[i] + l2[l] * x + l1[l] * sign, 8) : !same_bits(g[i], before[i]))
        return fail("wrong gradient", i);
      if (weight) want += l2[l] / 2 * x * x + l1[l] * std::fabs(x);
    }
    if (!near(static_cast<T>(value[l]), want, static_cast<Wide>(C * K + 8) * want)) return fail("wrong penalty", l);
  }
  return check_fronts(w, g, value);
}

/// run(count, lane or -1, w, g, a, b, c): all models at once and each alone, to the same bits.
template <class T, class Run>
int compare_updates(int64_t lanes, int64_t n, Run run) {
  Guarded<T> w(n * lanes), g(w.size()), a(w.size()), b(w.size()), c(w.size());
  Guarded<T> one_w(n), one_g(n), one_a(n), one_b(n), one_c(n);
  Numbers numbers(static_cast<uint64_t>(n));
  for (Guarded<T>* array : {&w, &g, &a, &b, &c}) numbers.fill(*array, 1);
  for (int64_t i = 0; i < b.size(); ++i) b[i] = std::fabs(b[i]), c[i] = std::fabs(c[i]);
  const std::pair<Guarded<T>*, Guarded<T>*> arrays[] = {
      {&w, &one_w}, {&g, &one_g}, {&a, &one_a}, {&b, &one_b}, {&c, &one_c}};
  std::vector<T> alone;
  for (int64_t l = 0; l < lanes; ++l) {
    for (const auto& [all, one] : arrays)
      for (int64_t i = 0; i < n; ++i) (*one)[i] = (*all)[i * lanes + l];
    run(n, l, one_w.data(), one_g.data(), one_a.data(), one_b.data(), one_c.data());
    for (const auto& [all, one] : arrays) alone.insert(alone.end(), one->data(), one->data() + n);
  }
  run(n * lanes, -1, w.data(), g.data(), a.data(), b.data(), c.data());
  size_t at = 0;
  for (int64_t l = 0; l < lanes; ++l)
    for (const auto& [all, one] : arrays)
      for (int64_t i = 0; i < n; ++i)
        if (!same_bits((*all)[i * lanes + l], alone[at++])) return fail("not what the model alone does", i, l);
  return check_fronts(w, g, a, b, c);
}

template <class T>
int check_updates(const Kernels<T>& kernels, int64_t n) {
  int failures = 0;
  for (bool momentum : {false, true})
    for (bool nesterov : {false, true})
      for (bool first : {false, true}) {
        std::vector<SgdStep> steps;
        for (int64_t l = 0; l < kernels.lanes; ++l) {
          const double x = static_cast<double>(l + 1) / 20;
          steps.push_back({x, momentum ? 1 - x : 0, x / 2, l % 2 ? x / 10 : 0, nesterov, first});
        }
        failures +=
            compare_updates<T>(kernels.lanes, n, [&](int64_t count, int64_t lane, T* w, const T* g, T* v, T*, T*) {
              const States<T> states{momentum ? v : nullptr};
              if (lane < 0)
                kernels.update.sgd_model_batch(count, steps.data(), w, g, states);
              else
                kernels.update.sgd(count, steps[static_cast<size_t>(lane)], w, g, states);
            });
      }
  for (bool amsgrad : {false, true})
    for (bool inside : {false, true}) {
      std::vector<AdamStep> steps;
      for (int64_t l = 0; l < kernels.lanes; ++l) {
        const double x = static_cast<double>(l + 1) / 20;
        steps.push_back({x, 1 - x, 1 - x / 2, x / 100, l % 2 ? x / 10 : 0, l % 3 ? 1 - x / 50 : 1, x, x / 2, inside});
      }
      failures +=
          compare_updates<T>(kernels.lanes, n, [&](int64_t count, int64_t lane, T* w, const T* g, T* m, T* v, T* most) {
            const States<T> states{m, v, amsgrad ? most : nullptr};
            if (lane < 0)
              kernels.update.adam_model_batch(count, steps.data(), w, g, states);
            else
              kernels.update.adam(count, steps[static_cast<size_t>(lane)], w, g, states);
          });
    }
  return failures;
}

std::vector<Problem> problems() {
  std::vector<Problem> all;
  for (int64_t M = 1; M <= 9; ++M)
    for (int64_t N = 1; N <= 9; ++N)
      for (int64_t R : {1, 2, 3, 20})
        for (const char* kernel : {"product", "transposed_product"})
          all.push_back({kernel, {{"m", M}, {"n", N}, {"r", R}}});
  for (const char* kernel : {"cross_entropy", "squares", "logits"})
    for (int64_t S = 1; S <= 8; ++S)
      for (int64_t C : {1, 2, 3, 4, 10}) all.push_back({kernel, {{"s", S}, {"c", C}}});
  for (int64_t C : {1, 2, 5})
    for (int64_t K : {1, 2, 7}) all.push_back({"penalty", {{"c", C}, {"k", K}}});
  for (int64_t n : {1, 2, 3, 17}) all.push_back({"updates", {{"n", n}}});
  return all;
}

template <class T>
int check(const Kernels<T>& kernels, const Problem& p) {
  if (p.kernel.ends_with("product"))
    return check_product(kernels, p["m"], p["n"], p["r"], p.kernel == "transposed_product");
  if (p.kernel == "penalty") return check_penalty(kernels, p["c"], p["k"]);
  if (p.kernel == "updates") return check_updates(kernels, p["n"]);
  return check_loss(kernels, p.kernel, p["s"], p["c"]);
}

}  // namespace
}  // namespace nncore::check

int main(int argc, char** argv) {
  using namespace nncore::check;
  return check_main("model_batch_check", argc, argv, [](const auto&) { return problems(); },
                    [](const auto& kernels, const Problem& p) { return check(kernels, p); });
}
