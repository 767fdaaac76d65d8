# SPDX-License-Identifier: Apache-2.0
"""The four comparisons of `./dev conformance`."""
