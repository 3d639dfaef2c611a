package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

// collector and verify take the benchmarks of the packages, whose two sides run in one process.

// collector is collecting from Cloud Foundry's API against downloading its pages and appending the
// rows as they are.
func collector(ctx context.Context, _ *rig) ([]row, error) {
	rates, err := benchmarks(ctx, "./collector/cf", "^Benchmark(Collect|Download)$", "3x", "events/s")
	if err != nil {
		return nil, err
	}
	collect, download := rates["Collect"], rates["Download"]
	return []row{{
		"collector / downloading and appending raw", collect / download, ">= 0.6",
		fmt.Sprintf("%.0f/s, %.0f/s", collect, download),
	}}, nil
}

// verify is deriving METERED again against reading USAGE and dropping it.
func verify(ctx context.Context, _ *rig) ([]row, error) {
	ratios, err := benchmarks(ctx, "./cmd/daybook", "^BenchmarkVerify$", "1x", "ratio")
	if err != nil {
		return nil, err
	}
	return []row{
		{"verify projector / reading and dropping USAGE", ratios["Verify/projector"], ">= 0.5", ""},
		{"verify pricer / reading and dropping USAGE", ratios["Verify/pricer"], "-", ""},
	}, nil
}

// prices is rating spans, and previewing other prices for them, against decoding their messages and
// taking them up, with few plans and many.
func prices(ctx context.Context, _ *rig) ([]row, error) {
	ratios, err := benchmarks(ctx, "./pricer", "^BenchmarkPrices$", "10x", "ratio")
	if err != nil {
		return nil, err
	}
	few, many := ratios["Prices/rate-5"], ratios["Prices/rate-200"]
	return []row{
		{"rating with 5 plans / decoding the messages", few, ">= 0.5", ""},
		{"rating with 200 plans / decoding the messages", many, ">= 0.5", ""},
		{"rating with 5 plans / with 200", few / many, "1.0", ""},
		{"preview with 5 plans / taking the messages up", ratios["Prices/preview-5"], ">= 0.5", ""},
		{"preview with 200 plans / taking the messages up", ratios["Prices/preview-200"], ">= 0.5", ""},
	}, nil
}

// benchmarks runs Go benchmarks of a package and returns one metric of each.
func benchmarks(ctx context.Context, pkg, pattern, times, metric string) (map[string]float64, error) {
	out, err := exec.CommandContext(ctx, "go", "test", pkg, "-run", "^$", "-bench", pattern, //nolint:gosec // constants
		"-benchtime", times).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go test %s: %w\n%s", pkg, err, out)
	}
	found := map[string]float64{}
	line := regexp.MustCompile(`(?m)^Benchmark(\S+?)(?:-\d+)?\s.*?([0-9.e+]+) ` + regexp.QuoteMeta(metric))
	for _, m := range line.FindAllSubmatch(out, -1) {
		value, err := strconv.ParseFloat(string(m[2]), 64)
		if err != nil {
			return nil, err
		}
		found[string(m[1])] = value
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("go test %s says nothing of %s:\n%s", pkg, metric, out)
	}
	return found, nil
}
