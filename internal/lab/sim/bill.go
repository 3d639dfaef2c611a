package sim

import (
	"math/big"
	"math/bits"
	"strings"
	"time"
)

// tariff is a fixed price list, small enough to be checked by eye. All prices are in nanopounds
// (1e-9 GBP), so for whole seconds every amount is a whole number of them, without rounding.
const (
	appMemorySecond      = 1          // per MiB and second, any app
	javaTimes            = 2          // times as much for buildpacks "java*"
	stagingMemorySecond  = 3          // per MiB and second of each open build
	taskStartedHour      = 10_000_000 // per started hour of a task
	smallStartedHour     = 20_000_000 // per started hour of a service on a plan called "small"
	serviceSecond        = 10_000     // per second of any other service
	instanceMemorySecond = 2          // per MiB and second of a Trove flavour
	postgresMemorySecond = 3          // the same of a Postgres database
	volumeSecond         = 50         // per GiB and second of a Trove volume
)

const catalogueYAML = `# The tariff that internal/lab/sim prices its truth with. VAT is 20 %; no amount needs rounding.
currency: GBP
vat_rates:
  - {code: Standard, valid_from: 2010-01-01T00:00:00Z, rate: "0.2"}
plans:
  - name: app
    match: {kind: app}
    valid_from: 2010-01-01T00:00:00Z
    components:
      - {name: memory, formula: "seconds * instances * memory_mb * 0.000000001", currency: GBP, vat: Standard}
  - name: app-java
    match: {kind: app, buildpack: "java*"}
    valid_from: 2010-01-01T00:00:00Z
    components:
      - {name: memory, formula: "seconds * instances * memory_mb * 0.000000002", currency: GBP, vat: Standard}
  - name: staging
    match: {kind: staging}
    valid_from: 2010-01-01T00:00:00Z
    components:
      - {name: memory, formula: "seconds * instances * memory_mb * 0.000000003", currency: GBP, vat: Standard}
  - name: task
    match: {kind: task}
    valid_from: 2010-01-01T00:00:00Z
    components:
      - {name: started-hours, formula: "ceil(seconds / 3600) * 0.01", currency: GBP, vat: Standard}
  - name: service
    match: {kind: service}
    valid_from: 2010-01-01T00:00:00Z
    components:
      - {name: time, formula: "seconds * 0.00001", currency: GBP, vat: Standard}
  - name: service-small
    match: {kind: service, plan: small}
    valid_from: 2010-01-01T00:00:00Z
    components:
      - {name: started-hours, formula: "ceil(seconds / 3600) * 0.02", currency: GBP, vat: Standard}
  - name: instance
    match: {kind: instance}
    valid_from: 2010-01-01T00:00:00Z
    components:
      - {name: memory, formula: "seconds * memory_mb * 0.000000002", currency: GBP, vat: Standard}
  - name: postgres
    match: {kind: instance, datastore: postgresql, region: "Region*"}
    valid_from: 2010-01-01T00:00:00Z
    components:
      - {name: memory, formula: "seconds * memory_mb * 0.000000003", currency: GBP, vat: Standard}
  - name: volume
    match: {kind: volume}
    valid_from: 2010-01-01T00:00:00Z
    components:
      - {name: storage, quantity: "volume_gb * seconds", unit: GiB-second, unit_price: "0.00000005", currency: GBP, vat: Standard}
`

// Catalogue is the price catalogue of TrueBill, as a catalogue file in GBP. Its prices have few
// digits: every charge for whole seconds, and its VAT of 20 %, is exact at 12 places.
func Catalogue() string { return catalogueYAML }

// price is the cost of a footprint for a time in microseconds, in femtopounds (1e-15 GBP): a rate
// in nanopounds a second times microseconds. Started hours count from the span's start.
func price(kind string, f *Footprint, micros int64) amount {
	const hour = 3_600_000_000
	var perSecond int64
	switch kind {
	case KindApp:
		perSecond = int64(f.Instances) * int64(f.MemoryMB) * appMemorySecond
		if strings.HasPrefix(f.Buildpack, "java") {
			perSecond *= javaTimes
		}
	case KindStaging:
		perSecond = int64(f.Instances) * int64(f.MemoryMB) * stagingMemorySecond
	case KindTask:
		return product(1_000_000*(micros/hour+min(1, micros%hour)), taskStartedHour)
	case KindService:
		if f.Plan == "small" {
			return product(1_000_000*(micros/hour+min(1, micros%hour)), smallStartedHour)
		}
		perSecond = serviceSecond
	case KindInstance:
		perSecond = int64(f.MemoryMB) * instanceMemorySecond
		if f.Datastore == "postgresql" {
			perSecond = int64(f.MemoryMB) * postgresMemorySecond
		}
	case KindVolume:
		perSecond = int64(f.VolumeGB) * volumeSecond
	default:
		panic("sim: no price for the kind " + kind)
	}
	return product(perSecond, micros)
}

// amount is money in femtopounds, never negative, in 128 bits: enough for any world.
type amount struct{ hi, lo uint64 }

func product(x, y int64) amount {
	hi, lo := bits.Mul64(uint64(x), uint64(y)) //nolint:gosec // neither sizes nor times are negative
	return amount{hi, lo}
}

func (a *amount) add(b amount) {
	var carry uint64
	a.lo, carry = bits.Add64(a.lo, b.lo, 0)
	a.hi, _ = bits.Add64(a.hi, b.hi, carry)
}

// pounds is the amount in GBP.
func (a amount) pounds() *big.Rat {
	femto := new(big.Int).SetUint64(a.hi)
	femto.Lsh(femto, 64).Add(femto, new(big.Int).SetUint64(a.lo))
	return new(big.Rat).SetFrac(femto, big.NewInt(1_000_000_000_000_000))
}

type billKey struct{ tenant, kind string }

// ledger adds up amounts. The zero value is empty.
type ledger struct{ sums map[billKey]*amount }

func (l *ledger) add(t *track, endMicro int64) {
	if l.sums == nil {
		l.sums = make(map[billKey]*amount)
	}
	key := billKey{t.identity.tenant, t.identity.kind}
	sum := l.sums[key]
	if sum == nil {
		sum = new(amount)
		l.sums[key] = sum
	}
	sum.add(price(t.identity.kind, &t.footprint, endMicro-t.start*1e6))
}

// Bill is money by tenant and kind, in GBP, net of VAT.
type Bill map[string]map[string]*big.Rat

// Total is the sum of the whole bill.
func (b Bill) Total() *big.Rat {
	total := new(big.Rat)
	for _, kinds := range b {
		for _, amount := range kinds {
			total.Add(total, amount)
		}
	}
	return total
}

// trueBill prices all spans. Running ones are charged up to their platform's horizon.
func (r *recorder) trueBill(cf, trove time.Time) Bill {
	whole := ledger{sums: make(map[billKey]*amount, len(r.bill.sums))}
	for key, sum := range r.bill.sums {
		whole.sums[key] = &amount{sum.hi, sum.lo}
	}
	for _, t := range r.open {
		until := cf.UnixMicro()
		if t.identity.kind == KindInstance || t.identity.kind == KindVolume {
			until = trove.UnixMicro()
		}
		if until > t.start*1e6 {
			whole.add(t, until)
		}
	}
	bill := Bill{}
	for key, sum := range whole.sums {
		if bill[key.tenant] == nil {
			bill[key.tenant] = map[string]*big.Rat{}
		}
		bill[key.tenant][key.kind] = sum.pounds()
	}
	return bill
}
