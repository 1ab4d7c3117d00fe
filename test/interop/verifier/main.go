// Asks google/go-sev-guest about attestation reports: a JSON array of cases on stdin, one JSON line with the outcome of each on stdout.
// It decides nothing itself; what the outcomes should be is for the program that asked.
package main

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/go-sev-guest/abi"
	spb "github.com/google/go-sev-guest/proto/sevsnp"
	"github.com/google/go-sev-guest/verify"
	"github.com/google/go-sev-guest/verify/trust"
)

// bundle holds the certificates of one product line, DER; asvk may be missing.
type bundle struct {
	Product string `json:"product"`
	Ark     []byte `json:"ark"`
	Ask     []byte `json:"ask"`
	Asvk    []byte `json:"asvk"`
}

type request struct {
	Name   string    `json:"name"`
	Now    time.Time `json:"now"`
	Report []byte    `json:"report"`
	Vcek   []byte    `json:"vcek"`
	Vlek   []byte    `json:"vlek"`
	// Roots to trust; AMD's, as the library has them, when this is null.
	Roots []bundle `json:"roots"`
	// Revocation list to consult, DER; nothing is consulted when this is null.
	Crl []byte `json:"crl"`
	// Look only at the path and the report's signature: for certificates whose extensions the library cannot read.
	PathOnly bool `json:"pathOnly"`
}

type outcome struct {
	Name  string  `json:"name"`
	Error *string `json:"error"`
}

// listGetter answers every question with one revocation list, so that nothing goes to the network.
type listGetter struct{ crl []byte }

func (g listGetter) Get(url string) ([]byte, error) {
	if len(g.crl) == 0 {
		return nil, errors.New("nothing may be fetched: " + url)
	}
	return g.crl, nil
}

func parse(der []byte) (*x509.Certificate, error) {
	if len(der) == 0 {
		return nil, nil
	}
	return x509.ParseCertificate(der)
}

func rootsOf(bundles []bundle) (map[string][]*trust.AMDRootCerts, error) {
	if bundles == nil {
		return nil, nil
	}
	roots := map[string][]*trust.AMDRootCerts{}
	for _, b := range bundles {
		ark, err := parse(b.Ark)
		if err != nil {
			return nil, err
		}
		ask, err := parse(b.Ask)
		if err != nil {
			return nil, err
		}
		asvk, err := parse(b.Asvk)
		if err != nil {
			return nil, err
		}
		root := trust.AMDRootCertsProduct(b.Product)
		root.ProductCerts = &trust.ProductCerts{Ark: ark, Ask: ask, Asvk: asvk}
		roots[b.Product] = append(roots[b.Product], root)
	}
	return roots, nil
}

// verifyPath verifies the certificate under the first of the roots, and the report's signature by it.
func verifyPath(r request, roots map[string][]*trust.AMDRootCerts) error {
	key, der := abi.VcekReportSigner, r.Vcek
	if len(r.Vlek) > 0 {
		key, der = abi.VlekReportSigner, r.Vlek
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	for _, candidates := range roots {
		for _, root := range candidates {
			options := root.X509Options(r.Now, key)
			if options == nil {
				continue
			}
			if _, err := certificate.Verify(*options); err == nil {
				return verify.SnpReportSignature(r.Report, certificate)
			}
		}
	}
	return errors.New("no path to a trusted root")
}

func verifyOne(r request) error {
	report, err := abi.ReportToProto(r.Report)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	roots, err := rootsOf(r.Roots)
	if err != nil {
		return fmt.Errorf("roots: %w", err)
	}
	if r.PathOnly {
		return verifyPath(r, roots)
	}
	attestation := &spb.Attestation{
		Report:           report,
		CertificateChain: &spb.CertificateChain{VcekCert: r.Vcek, VlekCert: r.Vlek},
	}
	return verify.SnpAttestation(attestation, &verify.Options{
		CheckRevocations:    r.Crl != nil,
		DisableCertFetching: true,
		Getter:              listGetter{r.Crl},
		Now:                 r.Now,
		TrustedRoots:        roots,
	})
}

func main() {
	var requests []request
	if err := json.NewDecoder(os.Stdin).Decode(&requests); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	encoder := json.NewEncoder(os.Stdout)
	for _, r := range requests {
		result := outcome{Name: r.Name}
		if err := verifyOne(r); err != nil {
			text := err.Error()
			result.Error = &text
		}
		if err := encoder.Encode(result); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
