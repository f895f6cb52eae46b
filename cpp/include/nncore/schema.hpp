/// Schema: name, arguments and documentation of a registered class. Python's classes, signatures,
/// documentation and stubs, the checks of arguments and the contract tests all come from here.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "nncore/view.hpp"

namespace nncore {

struct Spec;

/// A function of an index that comes from outside the core. A call may throw.
class IndexFunction {
 public:
  virtual ~IndexFunction() = default;
  virtual double at(int64_t index) const = 0;
};

using ValueVariant = std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, std::vector<double>,
                                  std::vector<int64_t>, std::shared_ptr<const Spec>,
                                  std::vector<std::shared_ptr<const Spec>>, std::shared_ptr<const IndexFunction>>;

/// One argument as it comes from Python. monostate stands for Python's None; integers beyond 2^63 - 1 are uint64_t.
/// Its members are compiled once, in schema.cpp: inline they took half of the compile time of a file that registers.
struct Value : ValueVariant {
  Value();  ///< None
  Value(bool x);
  Value(int x);
  Value(long x);
  Value(long long x);
  Value(unsigned long x);
  Value(unsigned long long x);
  Value(double x);
  Value(const char* x);
  Value(std::string x);
  Value(std::vector<double> x);
  Value(std::vector<int64_t> x);
  Value(std::shared_ptr<const Spec> x);
  Value(std::vector<std::shared_ptr<const Spec>> x);
  Value(std::shared_ptr<const IndexFunction> x);
  Value(const Value&);
  Value(Value&&) noexcept;
  Value& operator=(const Value&);
  Value& operator=(Value&&) noexcept;
  ~Value();
};
std::string to_string(const Value& value);  ///< as Python would write it

/// Checked arguments, every field present.
class Args {
 public:
  Args() = default;
  explicit Args(std::map<std::string, Value> values) : values_(std::move(values)) {}

  const Value& at(std::string_view name) const;
  bool is_none(std::string_view name) const;
  /// V is float, for a number, or one of the types of a Value.
  template <class V>
  V get(std::string_view name) const;
  const std::map<std::string, Value>& all() const { return values_; }

 private:
  std::map<std::string, Value> values_;
};

/// Makes objects that the registry does not know: user-defined layers and losses.
struct UserDefined {
  virtual ~UserDefined() = default;
};
template <class Base>
struct UserDefinedFactory : virtual UserDefined {
  virtual std::unique_ptr<Base> make(std::type_identity<Base>) const = 0;
};

/// A registered thing with its arguments: the recipe from which objects of either dtype are made.
struct Spec {
  std::string kind, name;
  Args args;
  std::shared_ptr<const UserDefined> user_defined = nullptr;  ///< set: makes them instead of the registry
};

/// Which values a field accepts.
class Rule {
 public:
  struct Check {
    virtual ~Check() = default;
    virtual std::optional<Value> accept(const Value& given) const = 0;
  };

  Rule(std::string wanted, std::string python_type, std::shared_ptr<const Check> check);
  Rule(const Rule&);
  Rule(Rule&&) noexcept;
  Rule& operator=(const Rule&);
  Rule& operator=(Rule&&) noexcept;
  ~Rule();

  std::string expected;    ///< "a number in [0, 1)"
  std::string annotation;  ///< Python type: "float", "int", "str | None"
  /// The value in the field's own type (an integer given for a number becomes one), or nothing.
  std::optional<Value> accept(const Value& given) const;

 private:
  std::shared_ptr<const Check> check_;
};

namespace rule {
Rule boolean();
Rule integer(int64_t low, int64_t high = INT64_MAX);
Rule seed();                              ///< an integer of 64 bits, as uint64_t
Rule number();                            ///< any finite number
Rule positive();                          ///< (0, inf)
Rule non_negative();                      ///< [0, inf)
Rule in_range(double low, double high);   ///< [low, high)
Rule in_closed(double low, double high);  ///< [low, high]
Rule pair_in_range(double low, double high);
Rule one_of(std::vector<std::string> names);
Rule name();                              ///< a word
Rule index_function();               ///< a function of an index
Rule milestones();                   ///< increasing integers >= 0
Rule numbers();                      ///< a one-dimensional array of non-negative numbers
Rule extents();                      ///< a positive integer or a list of them, as a list
Rule pair(int64_t low, int64_t high);     ///< an integer or two of them, in [low, high]
Rule padding(int64_t high);               ///< the same from 0 on, "same" or "valid"
Rule layers();                       ///< one layer or more
Rule one_or_more_numbers();          ///< a number, or an array as numbers() accepts it
Rule optional(Rule inner);           ///< None or what inner accepts
Rule either(Rule first, Rule second);  ///< what one of them accepts
}  // namespace rule

struct Field {
  std::string name;
  Rule rule;
  std::optional<Value> fallback;  ///< the default; none: required
  std::string doc;
  bool keyword_only = false;
};

/// A configuration the contract tests try, with the shape of one sample it takes.
struct Example {
  std::map<std::string, Value> args;
  Shape sample;
};

struct Schema {
  std::string kind, name;
  std::string summary, formula, shapes, notes, source, doctest;
  std::vector<Field> fields;
  std::vector<Example> examples;
  std::map<std::string, Value> traits;  ///< facts for Python and for tests, "stochastic": true, "activation": "silu"
};

/// Fills defaults and checks every argument. Throws ConfigError: `[name] field: expected …, got …`.
Args bind_arguments(const Schema& schema, const std::map<std::string, Value>& given);

}  // namespace nncore
