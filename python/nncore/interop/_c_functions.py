"""The functions of a C file, by name: texts in C99 in which T is float or double, F the suffix of its functions and
constants, and P the prefix of the file's names.

Each reads one or two arrays, writes another, and takes sizes and constants after them. Sums of means are in double.
"""

from __future__ import annotations

import re


def _elementwise(value: str, *constants: str) -> str:
    """y[i] = value, an expression of v."""
    given = "".join(f", T {name}" for name in constants)
    return f"""
static void P_NAME(const T *x, T *y, long n{given}) {{
  for (long i = 0; i < n; ++i) {{
    const T v = x[i];
    y[i] = {value};
  }}
}}
"""


# Of NaN all comparisons are false, and all functions give NaN. What is 0 in the limit is so for -infinity, too.
_ELEMENTWISE = {
    "relu": _elementwise("v < 0 ? 0 : v"),
    "leaky_relu": _elementwise("v > 0 ? v : slope * v", "slope"),
    "elu": _elementwise("v > 0 ? v : alpha * expm1F(v)", "alpha"),
    "gelu": _elementwise("v < -40 ? 0 : v * (erfcF(v * -0.70710678118654752440F_) / 2)"),
    "gelu_tanh": _elementwise(
        "v < -40 ? 0 : v * ((1 + tanhF(0.79788456080286535588F_ * (v + 0.044715F_ * v * v * v))) / 2)"
    ),
    "silu": _elementwise("v < -800 ? 0 : v / (1 + expF(-v))"),
    "softplus": _elementwise("beta * v > threshold ? v : log1pF(expF(beta * v)) / beta", "beta", "threshold"),
    "tanh": _elementwise("tanhF(v)"),
    "sigmoid": _elementwise("1 / (1 + expF(-v))"),
}

_MERGES = {
    "add": """
static void P_NAME(const T *a, const T *b, T *y, long n) {
  for (long i = 0; i < n; ++i) y[i] = a[i] + b[i];
}
""",
    # each of the numbers b scales `inner` of a
    "multiply": """
static void P_NAME(const T *a, const T *b, T *y, long n, long inner) {
  for (long i = 0; i < n; ++i) y[i] = a[i] * b[i / inner];
}
""",
    # segments of x become parts, from `at` on, of rows of y
    "concat": """
static void P_NAME(const T *x, T *y, long outer, long size, long row, long at) {
  for (long o = 0; o < outer; ++o)
    for (long i = 0; i < size; ++i) y[o * row + at + i] = x[o * size + i];
}
""",
}

_INPUTS = {
    "normalize": """
static void P_NAME(const T *x, T *y, long n, const T *mean, long means, const T *std, long stds) {
  for (long i = 0; i < n; ++i) y[i] = (x[i] - mean[i % means]) / std[i % stds];
}
""",
    "from_float": """
static void P_NAME(const float *x, T *y, long n) {
  for (long i = 0; i < n; ++i) y[i] = (T)x[i];
}
""",
    "to_float": """
static void P_NAME(const T *x, float *y, long n) {
  for (long i = 0; i < n; ++i) y[i] = (float)x[i];
}
""",
}

_WEIGHTS = {
    "linear": """
static void P_NAME(const T *x, T *y, long rows, long in, long out, const T *weight, const T *bias) {
  for (long r = 0; r < rows; ++r)
    for (long o = 0; o < out; ++o) {
      T sum = bias ? bias[o] : 0;
      for (long i = 0; i < in; ++i) sum += weight[o * in + i] * x[r * in + i];
      y[r * out + o] = sum;
    }
}
""",
    "conv2d": """
static void P_NAME(const T *x, T *y, long C, long H, long W, long K, long U, long V, long groups,
    long kernel_h, long kernel_w, long stride_h, long stride_w, long top, long left, long dilation_h, long dilation_w,
    const T *weight, const T *bias) {
  const long inner = C / groups, each = K / groups;
  for (long k = 0; k < K; ++k)
    for (long u = 0; u < U; ++u)
      for (long v = 0; v < V; ++v) {
        T sum = bias ? bias[k] : 0;
        for (long c = 0; c < inner; ++c)
          for (long i = 0; i < kernel_h; ++i) {
            const long h = u * stride_h - top + i * dilation_h;
            if (h < 0 || h >= H) continue;
            for (long j = 0; j < kernel_w; ++j) {
              const long w = v * stride_w - left + j * dilation_w;
              if (w < 0 || w >= W) continue;
              sum += weight[((k * inner + c) * kernel_h + i) * kernel_w + j] *
                     x[((k / each * inner + c) * H + h) * W + w];
            }
          }
        y[(k * U + u) * V + v] = sum;
      }
}
""",
    # of each channel, whose numbers are beside each other
    "batch_norm": """
static void P_NAME(const T *x, T *y, long channels, long size, const T *mean, const T *scale, const T *shift) {
  for (long c = 0; c < channels; ++c)
    for (long i = c * size; i < (c + 1) * size; ++i) y[i] = (x[i] - mean[c]) * scale[c] + shift[c];
}
""",
    "layer_norm": """
static void P_NAME(const T *x, T *y, long rows, long n, double eps, const T *weight, const T *bias) {
  for (long r = 0; r < rows; ++r, x += n, y += n) {
    double mean = 0, variance = 0;
    for (long i = 0; i < n; ++i) mean += (double)x[i];
    mean /= (double)n;
    for (long i = 0; i < n; ++i) variance += ((double)x[i] - mean) * ((double)x[i] - mean);
    const T center = (T)mean, scale = (T)(1 / sqrt(variance / (double)n + eps));
    for (long i = 0; i < n; ++i) y[i] = (x[i] - center) * scale * weight[i] + bias[i];
  }
}
""",
}

# The window of output (u, v): rows h0 to h1, columns w0 to w1 of the image.
_WINDOW = """
static void P_NAME(const T *x, T *y, long C, long H, long W, long U, long V,
    long kernel_h, long kernel_w, long stride_h, long stride_w, long padding_h, long padding_wMORE) {
  for (long c = 0; c < C; ++c, x += H * W)
    for (long u = 0; u < U; ++u)
      for (long v = 0; v < V; ++v) {
        const long top = u * stride_h - padding_h, left = v * stride_w - padding_w;
        const long h0 = top < 0 ? 0 : top, h1 = top + kernel_h < H ? top + kernel_h : H;
        const long w0 = left < 0 ? 0 : left, w1 = left + kernel_w < W ? left + kernel_w : W;
BODY
      }
}
"""

_POOLS = {
    "max_pool2d": _WINDOW.replace("MORE", "").replace(
        "BODY",
        """\
        T most = -INFINITY;
        for (long h = h0; h < h1; ++h)
          for (long w = w0; w < w1; ++w) {
            const T value = x[h * W + w];
            if (value > most || value != value) most = value;
          }
        y[(c * U + u) * V + v] = most;""",
    ),
    # what hangs over the padding, with ceil_mode, never counts
    "avg_pool2d": _WINDOW.replace("MORE", ", int count_padding").replace(
        "BODY",
        """\
        const long bottom = top + kernel_h < H + padding_h ? top + kernel_h : H + padding_h;
        const long right = left + kernel_w < W + padding_w ? left + kernel_w : W + padding_w;
        const long count = count_padding ? (bottom - top) * (right - left) : (h1 - h0) * (w1 - w0);
        double sum = 0;
        for (long h = h0; h < h1; ++h)
          for (long w = w0; w < w1; ++w) sum += (double)x[h * W + w];
        y[(c * U + u) * V + v] = (T)(sum / (double)count);""",
    ),
    "global_avg_pool2d": """
static void P_NAME(const T *x, T *y, long channels, long size) {
  for (long c = 0; c < channels; ++c) {
    double sum = 0;
    for (long i = 0; i < size; ++i) sum += (double)x[c * size + i];
    y[c] = (T)(sum / (double)size);
  }
}
""",
}

_SOFTMAX = """
static void P_NAME(const T *x, T *y, long rows, long n) {
  for (long r = 0; r < rows; ++r, x += n, y += n) {
    T most = x[0], sum = 0;
    for (long i = 1; i < n; ++i) most = x[i] > most ? x[i] : most;
BODY
  }
}
"""

_ROWS = {
    "softmax": _SOFTMAX.replace(
        "BODY",
        """\
    for (long i = 0; i < n; ++i) sum += y[i] = expF(x[i] - most);
    for (long i = 0; i < n; ++i) y[i] /= sum;""",
    ),
    "log_softmax": _SOFTMAX.replace(
        "BODY",
        """\
    for (long i = 0; i < n; ++i) sum += expF(x[i] - most);
    const T logarithm = logF(sum);
    for (long i = 0; i < n; ++i) y[i] = x[i] - most - logarithm;""",
    ),
}

_TEXTS = {**_ELEMENTWISE, **_MERGES, **_INPUTS, **_WEIGHTS, **_POOLS, **_ROWS}
_MATH = re.compile(r"\b(expm1|erfc|tanh|exp|log1p|log)F\(")


def function_text(prefix: str, name: str, double: bool) -> str:
    """The C text of a function for one type."""
    suffix = "" if double else "f"
    text = _MATH.sub(rf"\g<1>{suffix}(", _TEXTS[name]).replace("F_", suffix)
    return re.sub(r"\bT\b", "double" if double else "float", text).replace("P_NAME", f"{prefix}_{name}")
