"""colorlab"""
