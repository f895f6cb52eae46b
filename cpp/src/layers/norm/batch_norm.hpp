/// BatchNorm over arrays (N, C, L): the layers of one and of more dimensions differ in what shapes they take.
#pragma once

#include <cmath>
#include <vector>

#include "layers/norm/channels.hpp"
#include "nncore/initializer.hpp"
#include "nncore/layer.hpp"

namespace nncore {

/// y = (x - mean) / sqrt(var + eps) gamma + beta, mean and var of each channel over the batch and L: in training those
/// of the batch, in inference the running ones. The sums are in double.
template <class T>
class BatchNorm : public UnaryLayer<T>, public ChannelAffineSource<T> {
 public:
  explicit BatchNorm(const Args& args)
      : C_(args.get<int64_t>("num_features")),
        eps_(args.get<double>("eps")),
        momentum_(args.is_none("momentum") ? -1 : args.get<double>("momentum")),
        affine_(args.get<bool>("affine")),
        track_(args.get<bool>("track_running_stats")) {
    if (affine_) {
      this->declare("weight", {C_}, Role::gain, initializer_spec("ones"));
      this->declare("bias", {C_}, Role::bias, initializer_spec("zeros"));
    }
    if (track_) {
      this->declare("running_mean", {C_}, Role::buffer, initializer_spec("zeros"));
      this->declare("running_var", {C_}, Role::buffer, initializer_spec("ones"));
      this->declare("num_batches_tracked", {}, Role::buffer, initializer_spec("zeros"));
    }
  }

  void check_training(int64_t N) const override {
    if (N * L_ != 1 || stands_still()) return;
    throw ShapeError(
        expected(this->label(), "x", "more than one value per channel in training", "a batch of 1",
                 "the variance of one number is 0; for a rest of 1, drop_last=True or another batch_size"));
  }

  void forward(View<const T> x, View<T> y, const Pass& pass) override {
    x_ = x;
    normalize(Channels{x.batch(), C_, L_}, x.data, y.data, value(0), value(1), pass);
  }

  void backward(View<const T> dy, View<T> dx) override {
    T* const dgamma = affine_ ? this->parameters()[0].grad : nullptr;
    T* const dbeta = affine_ ? this->parameters()[1].grad : nullptr;
    gradients(Channels{dy.batch(), C_, L_}, x_.data, dy.data, dx.data, dgamma, dbeta);
  }

  /// For an array of channels in either layout; gamma and beta are null without `affine`.
  template <class A>
  void normalize(const A& a, const T* x, T* y, const T* gamma, const T* beta, const Pass& pass) {
    if (a.count() == 0) return;
    if ((pass.training && !stands_still()) || !track_) {
      a.moments(x, mean_.data(), variance_.data());
      if (pass.training && pass.update_state && track_) update_running(a.count());
      find_map(gamma, beta);
    } else {
      find_running_map(gamma, beta);
    }
    a.affine(x, center_.data(), scale_.data(), shift_.data(), y);
  }
  Fusable<T> fusable(PropagationKind kind) override {
    if (!track_ || kind == PropagationKind::training) return {};
    return static_cast<ChannelAffineSource<T>*>(this);
  }
  ChannelAffine<T> channel_affine() override {
    find_running_map(value(0), value(1));
    return {center_.data(), scale_.data(), shift_.data()};
  }

  /// Frozen: the running statistics are used as they are in training, too, and are no function of the batch.
  bool stands_still() const { return track_ && this->frozen(); }

  // with h = (x - mean) / sqrt(var + eps), M values a channel:
  // dgamma = Σ dy h, dbeta = Σ dy, dx = gamma / sqrt(var + eps) (dy - dbeta / M - h dgamma / M)
  template <class A>
  void gradients(const A& a, const T* x, const T* dy, T* dx, T* dgamma, T* dbeta) {
    if (a.count() == 0) return;
    a.sums(dy, total_.data());
    a.products(dy, x, mean_.data(), product_.data());
    const auto M = static_cast<double>(a.count());
    for (std::size_t c = 0; c < size(); ++c) {
      if (dgamma != nullptr) {
        dgamma[c] += static_cast<T>(product_[c] * inverse_[c]);
        dbeta[c] += static_cast<T>(total_[c]);
      }
      slope_[c] = stands_still() ? T(0) : static_cast<T>(product_[c] * inverse_[c] * inverse_[c] / M);
      level_[c] = stands_still() ? T(0) : static_cast<T>(total_[c] / M);
    }
    if (dx == nullptr) return;
    a.gradient(x, dy, center_.data(), scale_.data(), slope_.data(), level_.data(), dx);
  }

  /// Without running statistics those of the batch serve in inference, too.
  bool needs_full_batch() const override { return !track_; }

 protected:
  int64_t C() const { return C_; }
  void set_inner(int64_t L) {
    L_ = L;
    const auto room = static_cast<std::size_t>(whole_registers<T>(C_));  // of whole blocks: zeros beyond C
    for (auto* row : {&mean_, &variance_, &inverse_, &product_, &total_}) row->resize(room);
    for (auto* row : {&center_, &scale_, &shift_, &slope_, &level_}) row->resize(room);
  }
  bool has_gain() const { return affine_; }

 private:
  std::size_t size() const { return static_cast<std::size_t>(C_); }
  const T* value(std::size_t i) { return affine_ ? this->parameters()[i].value : nullptr; }
  T* running(std::size_t i) { return this->parameters()[(affine_ ? 2 : 0) + i].value; }

  void find_map(const T* gamma, const T* beta) {
    for (std::size_t c = 0; c < size(); ++c) {
      inverse_[c] = 1.0 / std::sqrt(variance_[c] + eps_);
      center_[c] = static_cast<T>(mean_[c]);
      scale_[c] = static_cast<T>(inverse_[c] * (gamma != nullptr ? static_cast<double>(gamma[c]) : 1.0));
      shift_[c] = beta != nullptr ? beta[c] : T(0);
    }
  }
  void find_running_map(const T* gamma, const T* beta) {
    std::copy_n(running(0), C_, mean_.data());
    std::copy_n(running(1), C_, variance_.data());
    find_map(gamma, beta);
  }

  // momentum weights the batch, whose variance is the unbiased one; without it all batches weigh alike
  void update_running(int64_t count) {
    T& batches = *running(2);
    batches += T(1);
    const double m = momentum_ < 0 ? 1.0 / static_cast<double>(batches) : momentum_;
    const double unbiased = static_cast<double>(count) / static_cast<double>(count - 1);
    for (std::size_t c = 0; c < size(); ++c) {
      T &mean = running(0)[c], &variance = running(1)[c];
      mean = static_cast<T>((1 - m) * static_cast<double>(mean) + m * mean_[c]);
      variance = static_cast<T>((1 - m) * static_cast<double>(variance) + m * unbiased * variance_[c]);
    }
  }

  int64_t C_, L_ = 1;
  double eps_, momentum_;
  bool affine_, track_;
  std::vector<double> mean_, variance_, inverse_, product_, total_;
  std::vector<T> center_, scale_, shift_, slope_, level_;
  View<const T> x_;
};

/// What the schemas have in common.
inline Registration& batch_norm_fields(Registration& registration) {
  return registration
      .formula("y = (x - mean) / sqrt(var + eps) * weight + bias\n"
               "running = (1 - momentum) * running + momentum * batch's")
      .required("num_features", rule::integer(1, int64_t{1} << 31), "number of channels C")
      .field("eps", 1e-5, rule::non_negative(), "added to the variance")
      .field("momentum", 0.1, rule::optional(rule::in_closed(0.0, 1.0)),
             "weight of the new batch in the running statistics; None: all batches weigh alike")
      .field("affine", true, rule::boolean(), "multiply by weight and add bias")
      .field("track_running_stats", true, rule::boolean(), "inference uses running statistics, else the batch's")
      .notes("mean and var are those of the batch in training and the running ones in inference; var is biased in y, "
             "unbiased in running_var. In training every sample's output depends on the whole batch: the loss of a "
             "batch is not the mean of the losses of its samples alone. One value per channel (a batch of 1) cannot "
             "be trained on: ShapeError. After freeze() the running statistics are used, and kept, in training, too. "
             "Parameters: weight, bias (C,), both free of the Trainer's l1 and l2; "
             "buffers: running_mean, running_var (C,), num_batches_tracked.")
      .source("Ioffe, Szegedy, Batch Normalization, 2015")
      .trait("couples_samples");
}

}  // namespace nncore
